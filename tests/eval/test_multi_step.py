"""Every task of several steps can be done, is not done already, and its check tells the two."""

import pytest

from support.multi_step import Row, Step, cannot_confine, carry_out, lacking, load_rows

ROWS = load_rows()


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    if reason := cannot_confine():
        pytest.skip(reason)


@pytest.mark.parametrize("row", ROWS, ids=[row.task.strip()[:60] for row in ROWS])
def test_the_reference_does_the_task_and_nothing_does_not(row: Row) -> None:
    if program := lacking(row):
        pytest.skip(f"{program} is not installed")
    assert carry_out(row, [Step(script) for script in row.reference]) == ""
    assert carry_out(row, []) != ""


def test_there_are_enough_tasks_in_both_halves() -> None:
    assert len(ROWS) >= 60
    assert len({row.task for row in ROWS}) == len(ROWS)
    held_out = sum(row.held_out for row in ROWS)
    assert min(held_out, len(ROWS) - held_out) >= 25
