"""Steps with `for_each`: from what is written there to items, and from items to steps.

Each item is carried out as a step of its own, with its own attempts, outputs and undo. It is called
`STEP.INDEX`, which no step of a file can be called. Its plan is the step's, with the item in its
`env`: so the item reaches scripts as a variable, and is never pasted into their text.
"""

import json

from msgspec.structs import replace

from flowd.domain.expressions import ITEMS, evaluate_value, references
from flowd.domain.inputs import as_text
from flowd.domain.run import RunState
from flowd.domain.scope import scope_of
from flowd.domain.workflow import MAX_ITEMS, Step
from flowd.errors import InvalidInput

MAX_ITEMS_PER_RUN = 5000
MAX_ITEM_BYTES = 65_536  # the kernel takes 131,072 in one variable, with its name
MAX_LIST_BYTES = 262_144
MOST_SHOWN = 5


def item_id(step_id: str, index: int) -> str:
    """Name the step that carries an item out."""
    return f"{step_id}.{index}"


def parent_of(step_id: str) -> str:
    """Name the step whose item this one carries out; "" when it is a step of the file."""
    parent, dot, _ = step_id.partition(".")
    return parent if dot else ""


def index_of(step_id: str) -> int:
    """Give the index of the item that this step carries out."""
    return int(step_id.partition(".")[2])


def item_steps(plan: Step, items: list[str]) -> list[Step]:
    """Give the step of each item. What decides whether the whole is begun is not asked again."""
    return [
        replace(
            plan,
            id=item_id(plan.id, index),
            for_each=None,
            needs=[],
            if_=None,
            confirm=None,
            env={**plan.env, **item_variables(plan, item, index)},
        )
        for index, item in enumerate(items)
    ]


def item_variables(plan: Step, item: str, index: int) -> dict[str, str]:
    """Give the variables in which scripts find the item."""
    variables = {"FLOW_ITEM": item, "FLOW_ITEM_INDEX": str(index)}
    return variables if plan.as_ is None else {**variables, plan.as_: item}


def items_of(state: RunState, plan: Step) -> list[str]:
    """Work out the items of a step, once its needs are done.

    InvalidInput when its expression gives no list, or a list that is too long.
    """
    if isinstance(plan.for_each, str):
        _refuse_cut_output(state, plan.for_each)
        value = evaluate_value(plan.for_each, scope_of(state, plan, plan.for_each))
        items = read_items(value)
    else:
        items = list(plan.for_each or ())
    there = sum(len(loop.items) for loop in state.loops.values())
    if there + len(items) > MAX_ITEMS_PER_RUN:
        raise InvalidInput(
            f"{len(items):,} items, and {there:,} of other steps: at most {MAX_ITEMS_PER_RUN:,} "
            "are allowed in a run",
            cure="split the work into several runs",
        )
    return items


def read_items(value: object) -> list[str]:
    """Read a list, or text: a list in JSON, or one item a line. InvalidInput when it is neither.

    Blank lines are no items. Numbers and truths become text as scripts see them.
    """
    if isinstance(value, str):
        value = _read_text(value)
    if not isinstance(value, list):
        raise InvalidInput(
            f"it gives {_kind_of(value)}, not a list",
            cure="give a list, or text with one item a line",
        )
    items = [_read_item(item, index) for index, item in enumerate(value)]
    problem = problem_with_items(items)
    if problem:
        raise InvalidInput(problem, cure="let each item stand for more, such as a folder of files")
    return items


def problem_with_items(items: list[str]) -> str:
    """Say what keeps a list from being carried out; empty when nothing does."""
    if len(items) > MAX_ITEMS:
        return f"{len(items):,} items: at most {MAX_ITEMS:,} are allowed"
    sizes = [len(item.encode(errors="surrogateescape")) for item in items]
    if max(sizes, default=0) > MAX_ITEM_BYTES:
        return f"item {sizes.index(max(sizes))} is larger than {MAX_ITEM_BYTES:,} bytes"
    if sum(sizes) > MAX_LIST_BYTES:
        return f"the items are larger than {MAX_LIST_BYTES:,} bytes together"
    return ""


def in_words(items: list[str], *, named: bool = True) -> str:
    """Say for people how many items there are, and name the first."""
    count = f"{len(items)} item{'s' if len(items) != 1 else ''}"
    if not named:
        return count
    first = ", ".join(item if len(item) <= 40 else f"{item[:40]}…" for item in items[:MOST_SHOWN])
    more = f" and {len(items) - MOST_SHOWN} more" if len(items) > MOST_SHOWN else ""
    return f"{count}: {first}{more}"


def _read_text(text: str) -> object:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            pass  # lines, the first of which begins with a bracket
    return [line.removesuffix("\r") for line in text.split("\n") if line.strip()]


def _read_item(item: object, index: int) -> str:
    if not isinstance(item, str | int | float | bool):
        raise InvalidInput(
            f"item {index} is {_kind_of(item)}",
            cure="an item is text, a number, or true or false",
        )
    text = as_text(item)
    if "\0" in text:
        raise InvalidInput(
            f"item {index} holds a zero byte", cure="no variable can hold one: leave it out"
        )
    return text


def _kind_of(value: object) -> str:
    kinds = {dict: "a map", list: "a list", type(None): "nothing", bool: "true or false"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "no list")


def _refuse_cut_output(state: RunState, expression: str) -> None:
    """Refuse to go over a part of a step's output as if it were the whole."""
    for name in references(expression).names:
        if name.path[0] != "steps" or len(name.path) < 2:
            continue
        step_id, facts = name.path[1], name.path[2:3]
        read = [step_id] if facts == ("stdout",) else []
        if facts == (ITEMS,) and step_id in state.loops and step_id in state.stdout_wanted:
            read = [item_id(step_id, index) for index in range(len(state.loops[step_id].items))]
        for read_id in read:
            step = state.steps.get(read_id)
            if step is not None and step.stdout_cut:
                raise InvalidInput(
                    f"{read_id} wrote more than the {len(step.stdout):,} bytes that are kept of it "
                    "for expressions",
                    cure="let it write the list to $FLOW_OUTPUT instead",
                )
