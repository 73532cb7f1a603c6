"""What a well-shaped workflow must also be: checks that need more than one place at once."""

from collections.abc import Iterator

from flowd.domain import references
from flowd.domain.artifact_rules import check_artifacts
from flowd.domain.graph import find_cycle, needs_of
from flowd.domain.inputs import problem_with
from flowd.domain.item_rules import check_items
from flowd.domain.problems import Path, Problems
from flowd.domain.workflow import (
    MAX_SCRIPT_BYTES,
    Duration,
    Goto,
    Limits,
    Retry,
    Step,
    Undo,
    Workflow,
    seconds,
    size_bytes,
)


def check_meaning(workflow: Workflow, problems: Problems) -> None:
    """Record everything that is wrong although every piece has the right type.

    Empty ids and names stand where a wrong one was reported already; they are passed over.
    """
    _check_inputs(workflow, problems)
    _check_defaults(workflow, problems)
    ids = _check_ids(workflow, problems)
    for index, step in enumerate(workflow.steps):
        path: Path = ("steps", index)
        _check_scripts(step, path, problems)
        _check_durations(step, path, problems)
        _check_recovery(workflow, step, path, problems)
        check_items(workflow, step, path, problems)
        check_artifacts(step, path, problems)
        _check_links(workflow, index, ids, problems)
    if len(ids) == len(workflow.steps):  # otherwise it is not clear what a name refers to
        _check_cycles(workflow, ids, problems)
        references.check_references(workflow, ids, problems)


def _check_ids(workflow: Workflow, problems: Problems) -> dict[str, int]:
    """Give each id its index in the file."""
    ids: dict[str, int] = {}
    for index, step in enumerate(workflow.steps):
        if step.id in ids:
            problems.add(
                ("steps", index, "id"),
                f"two steps are called {step.id!r}",
                f"rename one, such as {step.id}-2",
            )
        elif step.id:
            ids[step.id] = index
    return ids


def _check_inputs(workflow: Workflow, problems: Problems) -> None:
    for name, declared in workflow.inputs.items():
        path: Path = ("inputs", name)
        if name in workflow.env:
            problems.add(
                ("env", name),
                f"{name!r} is an input and a variable of `env`: the input wins",
                "rename one of them",
                severity="warning",
            )
        if declared.pattern is not None and declared.type != "string":
            problems.add(
                (*path, "pattern"),
                f"`pattern` is for text, and this input is of type {declared.type}",
                "use `choices`, or type: string",
            )
            continue
        if declared.choices == []:
            problems.add((*path, "choices"), "`choices` is empty", "list the allowed values")
        bare = type(declared)(type=declared.type, pattern=declared.pattern)
        wrong = problem_with(bare, "")
        if wrong and "must match" not in wrong:
            problems.add((*path, "pattern"), wrong, "see https://docs.rs/regex for the syntax")
            continue
        if declared.default is not None:
            wrong = problem_with(declared, declared.default)
            if wrong:
                what = f"the default {declared.default!r}: {wrong}"
                problems.add((*path, "default"), what, "change it, or what is allowed")
        for index, choice in enumerate(declared.choices or ()):
            wrong = problem_with(bare, choice)
            if wrong:
                what = f"the choice {choice!r}: {wrong}"
                problems.add((*path, "choices", index), what, "remove it, or mend the pattern")


def _check_defaults(workflow: Workflow, problems: Problems) -> None:
    defaults = workflow.defaults
    _check_patience(defaults.timeout, ("defaults", "timeout"), problems)
    _check_retry(defaults.retry, ("defaults", "retry"), problems)


def _scripts(step: Step) -> Iterator[tuple[tuple[str, ...], str | None]]:
    yield ("run",), step.run
    yield ("check",), step.check
    if isinstance(step.undo, Undo):
        yield ("undo", "run"), step.undo.run
    else:
        yield ("undo",), step.undo


def _check_scripts(step: Step, path: Path, problems: Problems) -> None:
    for key, script in _scripts(step):
        if script is None or (script == "" and not problems.is_there((*path, *key))):
            continue
        if not script.strip():
            problems.add((*path, *key), f"`{key[0]}` is empty", "write a command, or remove it")
    if step.tty and step.stdin is not None:
        problems.add(
            (*path, "stdin"),
            "a step on a terminal (`tty`) reads what is typed there, not `stdin`",
            "remove `stdin`, or remove `tty`",
        )
    for keys, text in (*_scripts(step), (("stdin",), step.stdin)):
        if text is not None and len(text.encode()) > MAX_SCRIPT_BYTES:
            problems.add(
                (*path, *keys),
                f"`{keys[0]}` is larger than {MAX_SCRIPT_BYTES:,} bytes",
                "put it in a file of its own and call that",
            )


def _check_durations(step: Step, path: Path, problems: Problems) -> None:
    _check_patience(step.timeout, (*path, "timeout"), problems)
    _check_retry(step.retry, (*path, "retry"), problems)
    if isinstance(step.undo, Undo):
        _check_patience(step.undo.timeout, (*path, "undo", "timeout"), problems)
        _check_retry(step.undo.retry, (*path, "undo", "retry"), problems)
    if step.limits is not None:
        _check_limits(step.limits, (*path, "limits"), problems)


def _check_limits(limits: Limits, path: Path, problems: Problems) -> None:
    _check_patience(limits.cpu, (*path, "cpu"), problems)
    for key, size in (("memory", limits.memory), ("output", limits.output)):
        if size is None:
            continue
        try:
            size_bytes(size)
        except ValueError as error:
            message, _, fix = str(error).partition(": ")
            problems.add((*path, key), message, fix)


def _check_retry(retry: Retry | None, path: Path, problems: Problems) -> None:
    if retry is not None:
        _check_duration(retry.delay, (*path, "delay"), problems)
        _check_duration(retry.max_delay, (*path, "max_delay"), problems)


def _check_patience(duration: Duration | None, path: Path, problems: Problems) -> None:
    """Check a duration that must be more than nothing."""
    if duration is not None and _check_duration(duration, path, problems) == 0:
        problems.add(path, f"`{path[-1]}` is 0: nothing could finish", "give it some time")


def _check_duration(duration: Duration, path: Path, problems: Problems) -> float | None:
    try:
        return seconds(duration)
    except ValueError as error:
        message, _, fix = str(error).partition(": ")
        problems.add(path, message, fix)
        return None


def _check_recovery(workflow: Workflow, step: Step, path: Path, problems: Problems) -> None:
    for choice, needed in (("check", step.check), ("undo", step.undo)):
        if (
            needed is None
            and step.on_interrupt == choice
            and not problems.is_there((*path, choice))
        ):
            problems.add(
                (*path, "on_interrupt"),
                f"`on_interrupt: {choice}` needs a `{choice}:` script",
                f"add `{choice}:` to the step, or write `on_interrupt: ask`",
            )
    if step.finally_ and step.undo is not None:
        problems.add(
            (*path, "undo"),
            "the undo of a `finally` step never runs",
            "remove `undo`, or make it an ordinary step",
            severity="warning",
        )
    if step.finally_ and step.needs:
        problems.add(
            (*path, "needs"),
            "a `finally` step runs when everything else is done: its `needs` change nothing",
            "remove `needs`",
            severity="warning",
        )


def _check_links(workflow: Workflow, index: int, ids: dict[str, int], problems: Problems) -> None:
    step = workflow.steps[index]
    for at, needed in enumerate(step.needs or ()):
        path: Path = ("steps", index, "needs", at)
        if not needed:
            continue
        if needed not in ids:
            others = [name for name in ids if name != step.id]
            problems.add_unknown(path, f"no step is called {needed!r}", needed, others)
        elif workflow.steps[ids[needed]].finally_ and not step.finally_:
            problems.add(
                path,
                f"{needed!r} is a `finally` step: it runs after this one",
                "remove it from `needs`, or remove its `finally`",
            )
    if isinstance(step.on_error, Goto) and step.on_error.goto:
        _check_goto(workflow, index, step.on_error.goto, ids, problems)


def _check_goto(
    workflow: Workflow, index: int, target: str, ids: dict[str, int], problems: Problems
) -> None:
    path: Path = ("steps", index, "on_error", "goto")
    later = workflow.steps[index + 1 :]
    names = [step.id for step in later if step.id and not step.finally_]
    if target not in ids:
        problems.add_unknown(path, f"no step is called {target!r}", target, names)
    elif ids[target] <= index:
        problems.add(
            path,
            f"{target!r} does not come later in the file: `goto` only goes forward",
            "to try again use `retry`; to clean up use `undo`",
        )
    elif target not in names:
        problems.add(
            path, f"{target!r} is a `finally` step: it runs anyway", "write `on_error: stop`"
        )


def _check_cycles(workflow: Workflow, ids: dict[str, int], problems: Problems) -> None:
    cycle = find_cycle(needs_of(workflow))
    if not cycle:
        return
    index = ids[cycle[0]]
    explicit = workflow.steps[index].needs is not None
    path: Path = ("steps", index, "needs") if explicit else ("steps", index)
    if len(cycle) == 2:
        problems.add(path, f"step {cycle[0]!r} needs itself", "remove it from its `needs`")
        return
    problems.add(
        path,
        f"these steps wait for each other: {' → '.join(cycle)}",
        "remove one of these `needs` (a step without `needs` waits for the one before it)",
    )
