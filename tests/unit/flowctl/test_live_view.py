"""The live view fits every terminal, and redrawing leaves nothing behind."""

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from flowctl import live
from flowctl.runview import RunView
from flowctl.terminal import Block
from flowctl.text import width
from flowd.domain.run import StepStatus
from flowproto import events as e
from support.recorded_runs import FixedConsole, folded, recorded
from support.screen import Screen

_STATUSES = st.sampled_from(get_args(StepStatus))
_NAMES = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", fullmatch=True), st.just("x" * 64)
)


def view_of(statuses: dict[str, str], output: str) -> RunView:
    view = RunView("r123456789")
    view.name, view.started_at = output or "name", 1
    for name, status in statuses.items():
        step = view.step(name)
        step.status, step.since, step.duration_ms = status, 5, 7
        step.reason = output
        step.tail.extend(output.split("\n"))
    return view


@settings(deadline=None)
@given(
    st.dictionaries(_NAMES, _STATUSES, max_size=60),
    st.text(alphabet="ab\x1b[31m漢🙂\t\n"),
    st.integers(20, 200),
    st.integers(8, 60),
)
def test_it_fits(statuses: dict[str, str], output: str, columns: int, rows: int) -> None:
    console = FixedConsole(columns, rows, colour=True)
    lines = live.block(view_of(statuses, output), console, 1000)
    assert len(lines) <= rows - 1
    assert all(width(line) < columns for line in lines)


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 99), st.sampled_from(["succeeded", "pending"]))
def test_what_goes_on_is_always_shown(running: int, waiting: int, others: str) -> None:
    statuses = {f"step{number}": others for number in range(100)}
    statuses |= {f"step{running}": "running", f"step{waiting}": "waiting"}
    lines = live.block(view_of(statuses, ""), FixedConsole(100, 8), 1000)
    for number in (running, waiting):
        assert any(line.split()[1:2] == [f"step{number}"] for line in lines)


def test_marks_are_ascii_where_the_terminal_is() -> None:
    lines = live.ending(folded(recorded("rolled-back")), FixedConsole(80, 24, unicode=False))
    assert [line[0] for line in lines if line[0] != " "] == ["x", "-", "<", "x", "r"]


def ended(outputs: dict[str, int]) -> list[str]:
    """What stays of a run whose steps wrote so many lines."""
    view = RunView("r123456789")
    steps = [*outputs]
    view.apply(
        e.RunStarted(position=1, run=view.run, at=1, name="n", cwd="/", steps=steps, inputs={})
    )
    for step, count in outputs.items():
        said = {"position": 2, "run": view.run, "at": 2, "step": step, "attempt": 1}
        view.apply(e.StepStarted(**said))
        text = "".join(f"{step}{number} {'x' * 90}\n" for number in range(count))
        view.apply(e.StepOutput(**said, kind="run", stream="stdout", text=text))
        view.apply(e.StepFinished(**said, outcome="succeeded", exit_code=0, duration_ms=1))
    view.apply(e.RunFinished(position=3, run=view.run, at=3, state="succeeded"))
    return live.ending(view, FixedConsole(40, 24))


def test_what_the_only_step_wrote_is_the_answer_and_stays_whole() -> None:
    first, *output, last = ended({"a": 60})
    assert [line.split()[1] for line in output] == [f"a{number}" for number in range(60)]
    assert all(line.endswith("x" * 90) for line in output)
    assert first.startswith("✓ a")
    assert "succeeded" in last


def test_of_several_steps_the_end_of_each_stays_and_where_the_rest_is() -> None:
    lines = ended({"a": 2, "b": 7})
    assert [line.split()[1] for line in lines[:3]] == ["a", "a0", "a1"]
    assert lines[4].strip() == "│ … 2 more lines: flowctl logs r123456789 b"
    assert [line.split()[1] for line in lines[5:-1]] == ["b2", "b3", "b4", "b5", "b6"]


def drawn(screen: Screen) -> Block:
    return Block(screen.feed, lambda: (screen.columns, screen.rows))


def test_a_redrawn_block_replaces_the_last_one() -> None:
    screen = Screen(20, 8)
    screen.feed("$ flowctl run x\n")
    block = drawn(screen)
    for lines in (["one", "two", "three"], ["漢字 1"], ["a" * 19, "b"], []):
        block.draw(lines)
        assert screen.text == ["$ flowctl run x", *lines]


def test_nothing_is_written_when_nothing_changed() -> None:
    written: list[str] = []
    block = Block(written.append, lambda: (80, 24))
    block.draw(["same"])
    block.draw(["same"])
    assert len(written) == 1


def test_a_narrowed_terminal_is_cleaned_too() -> None:
    screen = Screen(40, 12)
    screen.feed("$ before\n")
    block = drawn(screen)
    block.draw(["x" * 39, "y" * 30, "z"])
    screen.resize(20, 12)
    block.draw(["new", "lines"])
    assert screen.text == ["$ before", "new", "lines"]


def test_clearing_and_forgetting() -> None:
    screen = Screen(40, 12)
    block = drawn(screen)
    block.draw(["one", "two"])
    block.clear()
    screen.feed("a note\n")
    block.draw(["three"])
    block.forget()
    block.draw(["four"])
    assert screen.text == ["a note", "three", "four"]
