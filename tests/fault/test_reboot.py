"""The machine is switched off while runs go on, and on again: what happens without anybody's doing.

A real systemd as process 1, a real user manager that starts flowd at boot, real power cuts.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.machine import Machine, new_machine, why_no_machine

FLOWCTL = Path(sys.executable).parent / "flowctl"
LONG = 'echo "$FLOW_STEP.$FLOW_ATTEMPT" >> ledger; touch "begun.$FLOW_RUN"; sleep 600'
ENDS_NEXT_TIME = (
    f'[ "$FLOW_ATTEMPT" = 1 ] || {{ echo "$FLOW_STEP.$FLOW_ATTEMPT" >> ledger; exit; }}; {LONG}'
)
AFTER = {"id": "after", "run": "echo after >> ledger", "needs": ["long"]}


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    if (reason := why_no_machine()) is not None:
        pytest.skip(reason)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine that is on, with Flow installed for its user."""
    with new_machine() as machine:
        machine.boot()
        machine.run(FLOWCTL, "daemon", "install")
        yield machine


def start(machine: Machine, name: str, *steps: dict[str, Any]) -> str:
    """Start a run in a folder of its own; give its id."""
    folder = f"/home/flow-user/{name}"
    machine.run("mkdir", folder)
    text = json.dumps({"flow": 1, "name": name, "steps": steps})
    machine.run("sh", "-c", f'cd {folder} && printf %s "$0" > w.flow.yaml', text)
    told = machine.run("sh", "-c", f"cd {folder} && {FLOWCTL} run --detach --json w.flow.yaml")
    return str(json.loads(told.splitlines()[0])["run"])


def boot_again(machine: Machine) -> None:
    """Switch on, and wait until the user's systemd listens for clients of the daemon."""
    machine.boot()
    ask = ("systemctl", "--user", "is-active", "flowd.socket")
    machine.wait_for(lambda: machine.run(*ask, check=False).strip() == "active", "flowd listens")


def ledger(machine: Machine, name: str) -> list[str]:
    """What the run's scripts noted, read without asking anybody on the machine."""
    path = machine.home / name / "ledger"
    return path.read_text().split() if path.exists() else []


def show(machine: Machine, run: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(machine.run(FLOWCTL, "--no-start", "show", run, "--json"))
    return shown


def start_one_of_each(machine: Machine) -> dict[str, str]:
    """Runs that differ in what is to become of them; each is in the middle of a step."""
    return {
        "asks": start(machine, "asks", {"id": "long", "run": LONG}, AFTER),
        "retries": start(
            machine,
            "retries",
            {"id": "long", "run": ENDS_NEXT_TIME, "on_interrupt": "retry"},
            AFTER,
        ),
        "checks": start(
            machine,
            "checks",
            {"id": "long", "run": LONG, "on_interrupt": "check", "check": "test -s ledger"},
            AFTER,
        ),
        "undoes": start(
            machine,
            "undoes",
            {"id": "first", "run": "true", "undo": "echo undone >> ledger"},
            {"id": "long", "run": LONG, "on_interrupt": "undo", "undo": "echo cleared >> ledger"},
        ),
        "confirms": start(machine, "confirms", {"id": "long", "run": "true", "confirm": "Go on?"}),
        "waits": start(
            machine,
            "waits",
            {
                "id": "long",
                "run": f'touch "begun.$FLOW_RUN"; {ENDS_NEXT_TIME.replace("sleep 600", "exit 1")}',
                "retry": {"attempts": 2, "delay": "3s"},
            },
            AFTER,
        ),
    }


@pytest.mark.parametrize("how", ["cut_power", "shut_down"])
def test_runs_go_on_by_themselves_after_a_reboot(machine, how):
    runs = start_one_of_each(machine)
    for name, run in runs.items():
        if name != "confirms":
            begun = machine.home / name / f"begun.{run}"
            machine.wait_for(begun.exists, f"{name} has begun")
    getattr(machine, how)()
    assert not ledger(machine, "retries")[1:]
    boot_again(machine)

    # Nobody has asked the daemon anything yet.
    wanted = {
        "retries": ["long.1", "long.2", "after"],
        "checks": ["long.1", "after"],
        "undoes": ["long.1", "cleared", "undone"],
        "waits": ["long.1", "long.2", "after"],
    }
    for name, lines in wanted.items():
        machine.wait_for(lambda n=name, w=lines: ledger(machine, n) == w, f"{name} notes {lines}")
    assert ledger(machine, "asks") == ["long.1"]

    listed = json.loads(machine.run(FLOWCTL, "--no-start", "ps", "--json"))["runs"]
    assert {row["name"]: row["state"] for row in listed} == {
        "asks": "waiting",
        "confirms": "waiting",
    }
    assert "flowctl answer" in machine.run(FLOWCTL, "--no-start", "show", runs["asks"])
    states = {name: show(machine, run)["state"] for name, run in runs.items()}
    assert states == {
        "asks": "waiting",
        "retries": "succeeded",
        "checks": "succeeded",
        "undoes": "compensated",
        "confirms": "waiting",
        "waits": "succeeded",
    }
    machine.run(FLOWCTL, "answer", runs["asks"], "long", "skip")
    machine.run(FLOWCTL, "answer", runs["confirms"], "long", "yes")
    machine.wait_for(lambda: ledger(machine, "asks")[1:] == ["after"], "the answer is heeded")
    machine.wait_for(
        lambda: show(machine, runs["confirms"])["state"] == "succeeded", "it was confirmed"
    )


def test_many_boots_repeat_nothing(machine):
    """A run that is switched off again and again in its steps does each once."""
    step = 'echo "$FLOW_STEP.$FLOW_ATTEMPT" >> ledger; sleep 0.3'
    run = start(machine, "many", *({"id": f"s{n}", "run": step} for n in range(12)))
    for _ in range(4):
        machine.cut_power()
        boot_again(machine)
        shown = show(machine, run)
        if shown["state"] == "waiting":  # as a person would, who looks at what is there
            [asked] = [s["id"] for s in shown["steps"] if s["state"] == "lost"]
            done = any(line.startswith(f"{asked}.") for line in ledger(machine, "many"))
            machine.run(FLOWCTL, "answer", run, asked, "yes" if done else "retry")
    machine.wait_for(lambda: show(machine, run)["state"] == "succeeded", "the run has ended")
    assert [line.split(".")[0] for line in ledger(machine, "many")] == [f"s{n}" for n in range(12)]
