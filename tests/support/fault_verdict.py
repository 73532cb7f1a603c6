"""What must hold after any faults: looked for in histories, the witness, the database and /proc."""

import contextlib
import hashlib
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.fault_client import Followed, LoadClient, histories
from support.mixed_load import OLD, files_of
from support.raw_client import over_socket

Json = dict[str, Any]
GONE_WITHIN_SECONDS = 5.0
ENDS = {
    "step_finished": "run",
    "compensation_finished": "undo",
    "check_finished": "check",
}


@dataclass
class Verdict:
    """What was counted, and everything that should not have been."""

    runs: int = 0
    attempts: int = 0
    acknowledged: int = 0
    lost: int = 0
    violations: list[str] = field(default_factory=list)


def judge(
    load: LoadClient, socket: Path, *, may_be_lost: bool = False, removed: Collection[str] = ()
) -> Verdict:
    """Look at everything, once the load is settled; the daemon at `socket` lives.

    Attempts are lost only where `may_be_lost`; `removed` are runs that retention took.
    """
    verdict = Verdict(runs=len(load.followed))
    wrong = verdict.violations
    with over_socket(socket) as client:
        rows = client.call("flow/list", {"limit": 10_000})["runs"]
        damage = client.call("flow/db/check", {})["damage"]
    wrong += [f"flow/db/check: {row}" for row in damage]
    there = {row["id"]: row["state"] for row in rows}
    ours = {each.run for each in load.followed if each.run}
    wrong += [f"run {run} was asked for once and is there twice" for run in there.keys() - ours]
    wrong += [f"acknowledged run {run} is gone" for run in ours - there.keys() - set(removed)]

    told = histories(socket, [run for run in there if run in ours])
    witness = Counter((load.folder / "witness").read_text().split())
    for each in load.followed:
        if each.run not in told:
            continue
        history = told[each.run]
        verdict.acknowledged += len(each.events) + len(each.asked)
        verdict.lost += sum(event.get("outcome") == "lost" for event in history.values())
        wrong += _forgotten(each, history)
        wrong += _told_otherwise(each, history, there[each.run], may_be_lost=may_be_lost)
        wrong += _rules_broken(each, history)
        wrong += _files_wrong(each, load.folder, history)
        wrong += _artifacts_wrong(each, socket, may_be_lost=may_be_lost)
    verdict.attempts = sum(witness.values())
    wrong += _ran_wrongly(load, told, witness, may_be_lost=may_be_lost)
    wrong += _database_wrong(load.folder / "flow.db")
    wrong += _left_over(load.folder)
    return verdict


def _forgotten(each: Followed, history: dict[int, Json]) -> list[str]:
    """Acknowledged events that are not there, or not as they were told."""
    missing = [
        f"acknowledged event {position} of {each.kind} {each.run}: {event} is now "
        f"{history.get(position)}"
        for position, event in each.events.items()
        if history.get(position) != event
    ]
    types = {event["type"] for event in history.values()}
    missing += [
        f"an answer promised {promised} to {each.kind} {each.run}: there is none"
        for promised in each.asked
        if promised not in types
    ]
    return missing


def _told_otherwise(
    each: Followed, history: dict[int, Json], state: str, *, may_be_lost: bool
) -> list[str]:
    wrong = []
    last = history[max(history)]
    if last["type"] != "run_finished" or last["state"] != state:
        wrong.append(f"{each.kind} {each.run} is {state}, and its history ends with {last}")
    if may_be_lost:
        return wrong
    if state != each.story.ends:
        wrong.append(f"{each.kind} {each.run} is {state}, not {each.story.ends}")
    wrong += [
        f"{each.kind} {each.run}: {event}"
        for event in history.values()
        if event.get("outcome") == "lost" or event["type"] == "run_parked"
    ]
    return wrong


def _ran_wrongly(
    load: LoadClient,
    told: dict[str, dict[int, Json]],
    witness: Counter[str],
    *,
    may_be_lost: bool,
) -> list[str]:
    """What ran twice, or more often than its story says, or not although it is recorded to have."""
    wrong = [f"{attempt} ran {count} times" for attempt, count in witness.items() if count > 1]
    of_run: dict[str, set[str]] = {}
    for attempt in witness:
        of_run.setdefault(attempt.partition("/")[0], set()).add(attempt)
    for each in load.followed:
        if each.run not in told:
            continue
        attempts = of_run.get(each.run, set())
        again = _reruns(each, told[each.run])
        for script, count in Counter(_script_of(attempt) for attempt in attempts).items():
            most = each.story.most_runs(script, failing=may_be_lost) + again[script]
            if count > most:
                wrong.append(f"{each.kind} {each.run}: {script} ran {count} times, not {most}")
        wrong += _not_run(each, told[each.run], attempts, killed=may_be_lost)
    return wrong


def _script_of(attempt: str) -> str:
    _, step, kind, _ = attempt.split("/")
    return f"{step}/{kind}"


def _reruns(each: Followed, history: dict[int, Json]) -> Counter[str]:
    """How often a script may have run again: after a loss, where mark or answer allowed it."""
    allowed: Counter[str] = Counter()
    for event in history.values():
        if event.get("outcome") == "lost":
            script = f"{event['step']}/{ENDS[event['type']]}"
            allowed[script] += _allows_another(each, event, history)
    return allowed


def _allows_another(each: Followed, lost: Json, history: dict[int, Json]) -> bool:
    """Whether somebody said that the attempt may be made again: the workflow, or a person."""
    if lost["type"] != "step_finished":
        return True  # compensations and checks are made to be
    return _rule_of(each, lost["step"]) == "retry" or any(
        event["type"] == "question_answered" and event["answer"] == "retry"
        for event in _after(lost, history)
    )


def _after(lost: Json, history: dict[int, Json]) -> list[Json]:
    """What was recorded about a step since it was lost, or about its run as a whole."""
    return [
        event
        for position, event in sorted(history.items())
        if position > lost["position"] and event.get("step", lost["step"]) == lost["step"]
    ]


def _rule_of(each: Followed, step: str) -> str:
    """The step's `on_interrupt`; an item has that of its step."""
    plan = next(plan for plan in each.story.steps if plan["id"] == step.partition(".")[0])
    return str(plan.get("on_interrupt", "ask"))


# What must come next of a step that was lost, by its `on_interrupt`. Who cannot do that asks.
FOLLOWS = {
    "ask": {"question_asked"},
    "retry": {"retry_scheduled", "question_asked"},
    "check": {"check_started", "question_asked"},
    "undo": {"question_asked"},
}


def _rules_broken(each: Followed, history: dict[int, Json]) -> list[str]:
    """Lost attempts after which something else came than their step says."""
    wrong = []
    for lost in history.values():
        if lost.get("outcome") != "lost" or lost["type"] != "step_finished":
            continue
        if not lost["attempt"]:  # the end of a loop, one of whose items was lost
            continue
        rule = _rule_of(each, lost["step"])
        later = [event for event in _after(lost, history) if "step" in event]
        if not later or later[0]["type"] not in FOLLOWS[rule]:
            wrong.append(f"{each.kind} {each.run}: {rule} after {lost} was {later[:1]}")
        undone = [event for event in later if event.get("answer") == "undo"]
        if rule == "undo" and not undone and not _is_over(history):
            wrong.append(f"{each.kind} {each.run}: {lost} was not undone")
    return wrong


def _is_over(history: dict[int, Json]) -> bool:
    return any(event["type"] == "cancel_requested" for event in history.values())


def _not_run(
    each: Followed, history: dict[int, Json], witness: set[str], *, killed: bool
) -> list[str]:
    """Attempts that ended with an exit code and left no trace; traces that no start explains.

    Scripts that were `killed` may have come to nothing.
    """
    wrong = []
    notes = {
        (step, kind): any(
            "{note}" in str(part)
            for plan in each.story.steps
            if plan["id"] == step.partition(".")[0]
            for part in [plan["run"] if kind == "run" else plan.get(kind, "")]
        )
        for event in history.values()
        if (kind := ENDS.get(event["type"])) and (step := event["step"])
    }
    started = set()
    for event in history.values():
        kinds = {"step_started": "run", "compensation_started": "undo", "check_started": "check"}
        if kind := kinds.get(event["type"]):
            started.add(f"{each.run}/{event['step']}/{kind}/{event['attempt']}")
        elif (kind := ENDS.get(event["type"])) and event["attempt"]:
            attempt = f"{each.run}/{event['step']}/{kind}/{event['attempt']}"
            ran = event["outcome"] in ("succeeded", "failed") and event["exit_code"] is not None
            came_to_nothing = killed and event["outcome"] == "failed"
            if (
                ran
                and not came_to_nothing
                and notes[event["step"], kind]
                and attempt not in witness
            ):
                wrong.append(f"{each.kind}: {attempt} never ran, and is recorded to have: {event}")
    return wrong + [
        f"{each.kind}: {attempt} ran, and no start of it is recorded"
        for attempt in witness - started
    ]


def _files_wrong(each: Followed, folder: Path, history: dict[int, Json]) -> list[str]:
    """Files that a run which was undone has not left as they were.

    Whoever skips a step whose undo was lost has said that its files may stay as they are.
    """
    last = each.events[each.position]
    skipped = any(
        event["type"] == "question_answered" and event["answer"] == "skip"
        for event in history.values()
    )
    if last.get("state") != "compensated" or skipped:
        return []
    return [
        f"{each.kind} {each.run}: {file.name} is not as it was"
        for file in files_of(each.kind, each.number, folder)
        if not file.exists() or file.read_text() != OLD
    ]


def _artifacts_wrong(each: Followed, socket: Path, *, may_be_lost: bool) -> list[str]:
    """Artifacts that are not what the manifest says, or are missing of a step that was not lost."""
    wanted = each.story.artifacts
    if not wanted or each.events[each.position].get("state") != "succeeded":
        return []
    with over_socket(socket) as client:
        files = client.call("flow/artifacts", {"run": each.run})["files"]
    wrong = [
        f"{each.kind} {each.run}: {file['path']} is not what was kept"
        for file in files
        if hashlib.sha256(Path(file["kept_at"]).read_bytes()).hexdigest() != file["sha256"]
    ]
    if len(files) != wanted and not may_be_lost:
        wrong.append(f"{each.kind} {each.run}: {len(files)} artifacts, not {wanted}")
    return wrong


def _database_wrong(path: Path) -> list[str]:
    database = sqlite3.connect(path)
    try:
        found = [str(row) for (row,) in database.execute("PRAGMA integrity_check")]
    finally:
        database.close()
    return [] if found == ["ok"] else [f"integrity_check: {row}" for row in found]


def _left_over(folder: Path) -> list[str]:
    """Processes of steps, and folders of attempts, that outlived their runs."""
    mark = f"WITNESS={folder / 'witness'}".encode()
    deadline = time.monotonic() + GONE_WITHIN_SECONDS
    while (pids := _processes_with(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)  # other processes: no clock of ours can be turned
    wrong = [f"process {pid} outlived its run" for pid in pids]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    attempts = [
        entry.name
        for boot in (folder / "steps").iterdir()
        for entry in boot.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and entry.name.count(".") >= 3
    ]
    return wrong + [f"the folder of attempt {name} is left over" for name in attempts]


def _processes_with(mark: bytes) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:  # it ended, or is not ours
            continue
    return found
