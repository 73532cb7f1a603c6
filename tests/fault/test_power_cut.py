"""The power fails under the real daemon, on a disk that loses what was not synced.

What a client was told is there afterwards, nothing unmarked runs twice, and whatever the cut took
away is asked about. With the database's syncs left out the same story must fail.
"""

import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from flowproto.client import ClientError
from support.lossy_machine import CARELESS_FLOWD, LossyMachine, why_no_lossy_machine
from support.raw_client import FINAL_STATES, PLAIN, RawClient, Refused, eventually, over_socket

CUTS = 12
MOST_CARELESS_CUTS = 8
RUNS_A_BOOT = 12
UNMARKED = ("a", "b", "d")
Told = dict[str, list[tuple[int, str]]]


@pytest.fixture(autouse=True)
def _a_machine_can_be_had():
    reason = why_no_lossy_machine()
    if reason is not None:
        pytest.skip(reason)


def steps_of(number: int, witness: Path) -> list[dict]:
    """Four steps that each leave a line; of them, `c` may be repeated."""
    line = f'echo "{number}.$FLOW_STEP" >> {witness}; echo some words'
    return [
        {"id": "a", "run": line},
        {"id": "b", "run": f"{line}; sleep 0.0{number % 8}", "needs": ["a"]},
        {"id": "c", "run": f"{line}; sleep 0.05", "needs": ["a"], "on_interrupt": "retry"},
        {"id": "d", "run": line, "needs": ["b", "c"]},
    ]


class Load:
    """A client that submits runs until the power fails, and notes whatever it is told."""

    def __init__(self, witness: Path, chance: random.Random):
        self.witness = witness
        self.chance = chance
        self.numbers: dict[str, int] = {}
        self.told: Told = defaultdict(list)
        self.asked = 0

    def work(self, machine: LossyMachine) -> None:
        """Submit runs and follow them; the power fails at some moment of it."""
        until = time.monotonic() + self.chance.uniform(0.05, 0.6)
        with over_socket(machine.socket, **PLAIN) as client:
            for _ in range(RUNS_A_BOOT):
                number = len(self.numbers)
                client.folder = str(self.witness.parent)
                run = client.start(*steps_of(number, self.witness))
                self.numbers[run] = number
                client.call("flow/attach", {"run": run})
                if time.monotonic() > until:
                    break
            time.sleep(max(0.0, until - time.monotonic()))
            machine.cut_power()
            try:  # what the daemon sent before counts, whenever it is read
                while True:
                    client.inbox.append(client.receive())
            except (EOFError, ConnectionError):
                pass
        for message in client.inbox:
            if message.get("method") == "flow/event":
                event = message["params"]
                self.told[event["run"]].append((event["position"], event["type"]))

    def harm(self, client: RawClient, newest: int | None = RUNS_A_BOOT) -> list[str]:
        """Look for what was told and is not there, or is not as it was told.

        What is lost stays lost: only the last look needs to be at all runs (None).
        """
        found = [str(row) for row in client.call("flow/db/check")["damage"]]
        for run in list(self.numbers)[-(newest or 0) :]:
            try:
                position = client.call("flow/attach", {"run": run})["position"]
            except Refused as refused:
                found.append(f"run {run}: {refused}")
                continue
            events = []
            while not events or events[-1][0] < position:
                event = client.notification("flow/event", run=run)
                events.append((event["position"], event["type"]))
            client.call("flow/detach", {"run": run})
            lost = [told for told in self.told[run] if told not in events]
            found += [f"run {run}: event {told} is gone" for told in lost]
        return found

    def answer(self, client: RawClient) -> None:
        """Have the steps skipped of which nobody knows how far they came."""
        for row in client.call("flow/list", {"limit": 1000})["runs"]:
            if row["state"] == "waiting":
                shown = client.call("flow/show", {"run": row["id"]})
                for question in shown["questions"]:
                    assert question["about"] == "lost"
                    self.asked += 1
                    where = {"run": row["id"], "step": question["step"]}
                    client.call("flow/answer", {**where, "answer": "skip"})


def test_a_power_cut_loses_nothing_that_was_told_and_repeats_nothing(tmp_path):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    load = Load(tmp_path / "witness", random.Random(seed))
    machine = LossyMachine(tmp_path, seed)
    try:
        for _ in range(CUTS):
            machine.boot()
            with over_socket(machine.socket, **PLAIN) as client:
                assert load.harm(client) == []
                load.answer(client)
            load.work(machine)
        machine.boot()
        with over_socket(machine.socket, **PLAIN) as client:
            assert load.harm(client, newest=None) == []

            def all_finished() -> bool:
                load.answer(client)
                rows = client.call("flow/list", {"limit": 1000})["runs"]
                return all(row["state"] in FINAL_STATES for row in rows)

            eventually(all_finished, "a run neither ends nor asks")
            shown = {run: client.call("flow/show", {"run": run}) for run in load.numbers}
    finally:
        machine.cut_power()
    count = Counter(load.witness.read_text().split())
    for run, number in load.numbers.items():
        states = {row["id"]: row["state"] for row in shown[run]["steps"]}
        for step in UNMARKED:
            times = count[f"{number}.{step}"]
            assert times <= 1, f"step {step} of {run} ran {times} times"
            assert times == 1 or states[step] == "skipped", shown[run]
    print(f"{len(load.numbers)} runs, {load.asked} questions", *machine.cuts, sep="\n")
    assert load.asked, "no cut hit a step: the load is too light"
    assert any(not cut.startswith("0 writes") for cut in machine.cuts)


def test_without_syncs_the_same_story_fails(tmp_path):
    """What the test above relies on: this disk does lose what nobody synced."""
    seed = random.randrange(1_000_000)
    load = Load(tmp_path / "witness", random.Random(seed))
    machine = LossyMachine(tmp_path, seed, CARELESS_FLOWD)
    harm: list[str] = []
    try:
        for _ in range(MOST_CARELESS_CUTS):
            try:
                machine.boot()
            except AssertionError as refused:
                harm = [str(refused)]
                break
            with over_socket(machine.socket, **PLAIN) as client:
                try:
                    harm = load.harm(client)
                except (ClientError, Refused, EOFError) as refused:
                    harm = [str(refused)]
            if harm:
                break
            load.work(machine)
    finally:
        machine.cut_power()
    print(*harm, sep="\n")
    assert harm, f"seed {seed}: nothing was lost in {MOST_CARELESS_CUTS} cuts without a sync"
