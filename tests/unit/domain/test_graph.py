"""What waits for what."""

import time

import pytest

from flowd.domain.graph import find_cycle, needs_of, order
from flowd.domain.workflow import Step, Workflow


def plan(**steps: "list[str] | str | None") -> Workflow:
    """Make a workflow: None waits for the step before, "finally" is a finally step."""
    return Workflow(
        flow=1,
        name="demo",
        steps=[
            Step(id=name, run="x", finally_=True)
            if needs == "finally"
            else Step(id=name, run="x", needs=needs if isinstance(needs, list) else None)
            for name, needs in steps.items()
        ],
    )


@pytest.mark.parametrize(
    ("workflow", "needs"),
    [
        (plan(a=None, b=None), {"a": (), "b": ("a",)}),
        (plan(a=None, b=[], c=None), {"a": (), "b": (), "c": ("b",)}),
        (plan(a=None, z="finally", b=None), {"a": (), "z": (), "b": ("a",)}),
        (plan(z="finally", a=None), {"z": (), "a": ()}),
        (plan(a=None, b=[], c=["a", "b", "a"]), {"a": (), "b": (), "c": ("a", "b")}),
    ],
)
def test_a_step_waits_for_the_ordinary_step_before_it_unless_it_says(
    workflow: Workflow, needs: dict[str, tuple[str, ...]]
) -> None:
    assert needs_of(workflow) == needs


@pytest.mark.parametrize(
    ("workflow", "ordered"),
    [
        (plan(a=None, b=None, c=None), ["a", "b", "c"]),
        (plan(c=["a"], b=[], a=[]), ["b", "a", "c"]),
        (plan(z="finally", a=None, y="finally", b=None), ["a", "b", "z", "y"]),
        (plan(d=["b", "c"], b=["a"], c=["a"], a=[]), ["a", "b", "c", "d"]),
    ],
)
def test_steps_come_after_their_needs_and_otherwise_as_in_the_file(
    workflow: Workflow, ordered: list[str]
) -> None:
    assert order(workflow) == ordered


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ({"a": (), "b": ("a",)}, []),
        ({"a": ("a",)}, ["a", "a"]),
        ({"x": (), "a": ("c",), "b": ("a", "x"), "c": ("b",)}, ["a", "c", "b", "a"]),
        ({"a": ("nobody",)}, []),
        ({}, []),
    ],
)
def test_a_cycle_is_found_and_named(needs: dict[str, tuple[str, ...]], cycle: list[str]) -> None:
    assert find_cycle(needs) == cycle


def test_deep_and_dense_graphs_are_no_trouble() -> None:
    dense = plan(**{f"s{n}": [f"s{m}" for m in range(n)] for n in range(500)})
    started = time.process_time()
    assert find_cycle(needs_of(dense)) == []
    assert len(order(dense)) == 500
    assert time.process_time() - started < 2  # 125,000 edges; a quadratic walk takes minutes
