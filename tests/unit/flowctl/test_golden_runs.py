"""Recorded runs look as the golden files say. `FLOW_UPDATE_GOLDEN=1 pytest …` writes them anew."""

import os

import pytest

from flowctl import live
from flowctl.plain import PlainLines
from flowctl.runview import RunView
from flowproto import events as e
from support.recorded_runs import GOLDEN, FixedConsole, folded, recorded

RUNS = ["rolled-back", "steered"]


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("FLOW_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("run", RUNS)
def test_plain_lines(run: str) -> None:
    events, plain = recorded(run), PlainLines()
    view = RunView(events[0].run)
    lines = []
    for event in events:
        view.apply(event)
        lines += plain.of(event, view)
    compare(f"{run}.plain.txt", "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 8)])
def test_every_frame_of_the_live_view(run: str, columns: int, rows: int) -> None:
    events, console = recorded(run), FixedConsole(columns, rows)
    frames = []
    for count in range(1, len(events) + 1):
        at = events[count - 1].at + 50
        frames.append("\n".join(live.block(folded(events[:count]), console, at)))
    text = "".join(f"--- {n}\n{frame}\n" for n, frame in enumerate(frames, 1))
    compare(f"{run}.live-{columns}x{rows}.txt", text)


@pytest.mark.parametrize("run", RUNS)
def test_what_stays_at_the_end(run: str) -> None:
    lines = live.ending(folded(recorded(run)), FixedConsole(80, 24))
    compare(f"{run}.ending.txt", "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("outcome", "code", "reason", "told", "status"),
    [
        ("succeeded", 0, "", "it was done", "succeeded"),
        ("failed", 1, "", "it was not done", "pending"),
        ("failed", 127, "", "nothing", "lost"),
        ("failed", None, "its folder is gone", "nothing: its folder is gone", "lost"),
        ("timed_out", 143, "", "nothing", "lost"),
    ],
)
def test_a_check_that_could_not_tell_does_not_say_that_nothing_was_done(
    outcome: e.Outcome, code: int | None, reason: str, told: str, status: str
) -> None:
    finished = e.CheckFinished(
        position=3,
        run="steered1",
        at=3,
        step="migrate",
        attempt=1,
        outcome=outcome,
        exit_code=code,
        duration_ms=1,
        reason=reason,
    )
    view = folded([*recorded("steered")[:1], finished])
    assert PlainLines().of(finished, view) == [f"migrate check says: {told}"]
    assert view.steps["migrate"].status == status


def test_a_run_seen_from_its_middle_is_shown_as_far_as_it_is_known() -> None:
    events = recorded("steered")[20:]
    view = folded(events)
    assert view.state == "compensated"
    assert view.steps["publish"].status == "compensated"
    assert live.block(view, FixedConsole(80, 24), events[-1].at)
