"""Steps with `for_each` on a terminal: however many items, they do not flood it."""

from flowctl import live
from flowctl.plain import PlainLines
from flowctl.runview import RunView
from flowctl.text import width
from flowproto import events as e
from support.recorded_runs import FixedConsole

ITEMS = [f"target-{n}" for n in range(500)]


class Told:
    """A run that is told event by event."""

    def __init__(self, *steps: str) -> None:
        self.view = RunView("r123456789")
        self.lines: list[str] = []
        self._plain = PlainLines()
        self._position = 0
        self.apply(e.RunStarted, name="fan", cwd="/", steps=list(steps), inputs={})

    def apply(self, kind, /, **fields):
        self._position += 1
        event = kind(position=self._position, run="r123456789", at=1000 * self._position, **fields)
        self.view.apply(event)
        self.lines += self._plain.of(event, self.view)

    def ends(self, step, outcome="succeeded", attempt=1):
        code = int(outcome != "succeeded")
        self.apply(
            e.StepFinished,
            step=step,
            attempt=attempt,
            outcome=outcome,
            exit_code=code,
            duration_ms=9,
        )


def busy() -> Told:
    """37 items are done, 2 failed, 20 run."""
    told = Told("build", "last")
    told.apply(e.StepExpanded, step="build", items=ITEMS)
    for n in range(59):
        told.apply(e.StepStarted, step=f"build.{n}", attempt=1)
        text = f"line of {n}\n"
        told.apply(
            e.StepOutput, step=f"build.{n}", attempt=1, kind="run", stream="stdout", text=text
        )
        if n < 39:
            told.ends(f"build.{n}", "failed" if n in (3, 30) else "succeeded")
    return told


def test_a_busy_step_says_how_far_it_is_and_shows_a_few_of_what_goes_on():
    lines = live.block(busy().view, FixedConsole(100, 24), 99_000)
    assert "37/500 done, 2 failed" in lines[1]
    assert len(lines) == 1 + 1 + 6 + 1
    assert "build.39 target-39" in lines[2]
    assert "line of 39" in lines[2]
    assert "15 more at work" in lines[7]


def test_it_fits_however_small_the_terminal_is():
    for rows in range(4, 12):
        lines = live.block(busy().view, FixedConsole(30, rows), 99_000)
        assert len(lines) <= rows - 1
        assert all(width(line) < 30 for line in lines)


def test_at_the_end_those_that_failed_stay():
    told = busy()
    for n in range(39, 59):
        told.ends(f"build.{n}")
    told.ends("build", "failed", attempt=0)
    told.apply(e.RunFinished, state="failed")
    lines = live.ending(told.view, FixedConsole(100, 24))
    shown = "\n".join(lines)
    assert len(lines) < 12
    assert "build.3 target-3" in shown
    assert "line of 30" in shown
    assert "build.4 " not in shown
    assert "at step build (exit 1)" in lines[-1]


def test_few_items_all_stay():
    told = Told("build")
    told.apply(e.StepExpanded, step="build", items=["x", "y"])
    for n in range(2):
        told.apply(e.StepStarted, step=f"build.{n}", attempt=1)
        told.ends(f"build.{n}")
    told.ends("build", attempt=0)
    told.apply(e.RunFinished, state="succeeded")
    lines = live.ending(told.view, FixedConsole(100, 24))
    assert [line.split()[1:3] for line in lines[1:3]] == [["build.0", "x"], ["build.1", "y"]]
    assert told.lines[1:4] == [
        "build runs for 2 items: x, y",
        "build.0 started for x",
        "build.0 succeeded in 0.01s",
    ]
    told.apply(e.RollbackStarted, cause="undo", steps=["build.1", "build.0"])
    for n in (1, 0):
        assert told.view.steps["build"].status in ("succeeded", "compensating")
        told.apply(e.CompensationStarted, step=f"build.{n}", attempt=1)
        told.apply(
            e.CompensationFinished,
            step=f"build.{n}",
            attempt=1,
            outcome="succeeded",
            exit_code=0,
            duration_ms=1,
        )
    assert told.view.steps["build"].status == "compensated"


def test_a_client_that_comes_later_knows_the_items_it_hears_of():
    view = RunView("r123456789")
    view.apply(e.StepStarted(position=9, run="r", at=1, step="build.7", attempt=1))
    assert [item.id for item in view.steps["build"].items or ()] == ["build.7"]
    assert view.steps["build"].busy
