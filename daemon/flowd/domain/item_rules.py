"""What a step with `for_each` must be, beyond the types of its keys."""

from flowd.domain.items import item_variables, problem_with_items
from flowd.domain.problems import Path, Problems
from flowd.domain.workflow import Step, Workflow

# What the shell, the linker and Flow itself go by: an item there would change what scripts are.
_TAKEN = frozenset(
    {"PATH", "HOME", "PWD", "OLDPWD", "SHELL", "USER", "LOGNAME", "TMPDIR", "IFS", "CDPATH"}
    | {"ENV", "BASH_ENV", "BASHOPTS", "SHELLOPTS", "PS4", "ZDOTDIR", "PYTHONPATH", "PYTHONHOME"}
)
_TAKEN_PREFIXES = ("FLOW_", "LD_", "DYLD_", "steps_")


def check_items(workflow: Workflow, step: Step, path: Path, problems: Problems) -> None:
    """Record what is wrong with the keys `for_each`, `as` and `parallel` of a step."""
    if step.for_each is None:
        for key, given in (("as", step.as_ is not None), ("parallel", step.parallel != 1)):
            if given:
                problems.add(
                    (*path, key),
                    f"`{key}` says how to go over a list, and there is no `for_each`",
                    f"remove `{key}`, or add `for_each`",
                )
        return
    _check_company(step, path, problems)
    _check_names(workflow, step, path, problems)
    if isinstance(step.for_each, list):
        if not step.for_each:
            problems.add(
                (*path, "for_each"),
                "`for_each` is empty: the step does nothing",
                "list the items, or remove the step",
                severity="warning",
            )
        wrong = problem_with_items(step.for_each)
        if wrong:
            problems.add(
                (*path, "for_each"), wrong, "let each item stand for more, such as a folder"
            )


def _check_company(step: Step, path: Path, problems: Problems) -> None:
    """Some keys mean one process, or one moment."""
    if step.finally_:
        problems.add(
            (*path, "for_each"),
            "a `finally` step runs once: it goes over no list",
            "loop in its script, or make it an ordinary step",
        )
    if step.tty:
        problems.add(
            (*path, "for_each"),
            "a step on a terminal (`tty`) runs once: it goes over no list",
            "remove `tty`, or write a step for each item",
        )


def _check_names(workflow: Workflow, step: Step, path: Path, problems: Problems) -> None:
    given = step.as_
    if given is not None and (given in _TAKEN or given.startswith(_TAKEN_PREFIXES)):
        problems.add(
            (*path, "as"),
            f"{given!r} means something to the shell or to Flow",
            "choose another name, such as item",
        )
        return
    for name in item_variables(step, "", 0):
        where = "as" if name == given else "for_each"
        if name in workflow.inputs:
            cure = "choose another name" if name == given else f"rename the input {name!r}"
            problems.add((*path, where), f"{name!r} is an input, too", cure)
        elif name in step.env:
            problems.add(
                (*path, "env", name),
                f"{name!r} is set to the item: what `env` says is never seen",
                "remove it, or rename one of them",
            )
