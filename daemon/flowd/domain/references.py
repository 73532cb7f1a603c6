"""Names in conditions and messages must be names of something that is there by then."""

from collections.abc import Iterable

from flowd.domain import expressions
from flowd.domain.expressions import ROOTS, STEP_FACTS, Reference
from flowd.domain.graph import needs_of, order
from flowd.domain.inputs import names_in_template
from flowd.domain.problems import Path, Problems, closest
from flowd.domain.workflow import Step, Workflow
from flowd.errors import InvalidInput


def check_references(workflow: Workflow, ids: dict[str, int], problems: Problems) -> None:
    """Record names in `if` and `confirm` that refer to nothing, or to what is not known by then.

    Every id in `ids` is unique.
    """
    earlier: dict[str, int] | None = None
    for index, step in enumerate(workflow.steps):
        if not step.if_ and not step.confirm:
            if step.if_ == "" and problems.is_there(("steps", index, "if")):
                problems.add(("steps", index, "if"), "`if` is empty", "write a condition")
            continue
        if earlier is None:
            earlier = _done_before(workflow) if not problems.fatal else {}
        checker = _Checker(workflow, step, index, ids, earlier.get(step.id), problems)
        if step.if_:
            checker.check_condition(step.if_, ("steps", index, "if"))
        if step.confirm:
            checker.check_message(step.confirm, ("steps", index, "confirm"))


def _done_before(workflow: Workflow) -> dict[str, int]:
    """Give, for each step, a bit set of the file indexes of the steps that end before it starts."""
    needs = needs_of(workflow)
    place = {step_id: index for index, step_id in enumerate(needs)}
    before: dict[str, int] = {}
    everything = 0
    for step_id in order(workflow):
        done = everything if workflow.steps[place[step_id]].finally_ else 0
        for needed in needs[step_id]:
            done |= before[needed] | 1 << place[needed]
        before[step_id] = done
        everything |= 1 << place[step_id]
    return before


class _Checker:
    """Checks the names of one step."""

    def __init__(
        self,
        workflow: Workflow,
        step: Step,
        index: int,
        ids: dict[str, int],
        earlier: int | None,
        problems: Problems,
    ) -> None:
        self._workflow = workflow
        self._step = step
        self._index = index
        self._ids = ids
        self._earlier = earlier
        self._problems = problems

    def check_condition(self, condition: str, path: Path) -> None:
        try:
            used = expressions.references(condition)
        except InvalidInput as error:
            self._problems.add(path, error.message, error.cure)
            return
        hyphenated = [name for name in used.names if self._is_hyphenated(name)]
        for name in hyphenated:
            self._problems.add(
                path,
                f"`steps.{name.hyphens}` means `steps.{name.path[1]}` minus something",
                f'write steps["{name.hyphens}"]',
            )
        if hyphenated:
            return
        for name in used.names:
            self._check_path(name.path, path)
        for root in used.unknown_roots:
            self._check_root(root, path)
        for function in used.unknown_functions:
            self._problems.add_unknown(
                path, f"there is no function {function!r}", function, expressions.FUNCTIONS
            )

    def check_message(self, message: str, path: Path) -> None:
        known = {**dict.fromkeys(self._workflow.inputs), **dict.fromkeys(self._variables())}
        for name in names_in_template(message):
            parts = tuple(name.split("."))
            if parts[0] == "steps" and len(parts) > 1:
                self._check_path(parts, path)
            elif name not in known:
                near = closest(name, known)
                self._problems.add(
                    path,
                    f"${{{name}}} is neither an input nor a variable of `env`",
                    f"did you mean ${{{near}}}?" if near else "declare it under `inputs` or `env`",
                )

    def _is_hyphenated(self, name: Reference) -> bool:
        return len(name.path) == 2 and name.path[0] == "steps" and name.hyphens in self._ids

    def _check_root(self, root: str, path: Path) -> None:
        for scope, names in (("steps", self._ids), ("inputs", self._workflow.inputs)):
            if root in names:
                self._problems.add(
                    path, f"{root!r} is not known by itself", f"write {scope}.{root}"
                )
                return
        self._problems.add_unknown(
            path,
            f"{root!r} is not known in a condition: it sees steps, inputs and env",
            root,
            ROOTS,
        )

    def _check_path(self, name: tuple[str, ...], path: Path) -> None:
        if len(name) == 1:
            return
        if name[0] == "steps":
            self._check_step(name, path)
        elif name[0] == "inputs" and name[1] not in self._workflow.inputs:
            self._problems.add_unknown(
                path, f"there is no input {name[1]!r}", name[1], self._workflow.inputs
            )
        elif name[0] == "env" and name[1] not in self._variables():
            near = closest(name[1], self._variables())
            if near:  # any other name may come from the environment of the run
                self._problems.add(
                    path,
                    f"`env` does not declare {name[1]!r}",
                    f"did you mean {near!r}?",
                    severity="warning",
                )

    def _check_step(self, name: tuple[str, ...], path: Path) -> None:
        step_id = name[1]
        if step_id not in self._ids:
            self._problems.add_unknown(path, f"no step is called {step_id!r}", step_id, self._ids)
            return
        target = self._workflow.steps[self._ids[step_id]]
        if len(name) > 2 and name[2] not in STEP_FACTS:
            self._problems.add_unknown(path, f"a step has no {name[2]!r}", name[2], STEP_FACTS)
        undeclared = target.outputs and name[2:3] == ("outputs",) and len(name) > 3
        if undeclared and name[3] not in target.outputs:
            self._problems.add_unknown(
                path,
                f"step {step_id!r} does not declare the output {name[3]!r}",
                name[3],
                target.outputs,
            )
        if self._earlier is not None and not self._earlier >> self._ids[step_id] & 1:
            myself = step_id == self._step.id
            self._problems.add(
                path,
                f"step {step_id!r} "
                + ("is this step itself" if myself else "may not be done when this step begins"),
                "" if myself else f"add {step_id} to `needs`",
                severity="error" if myself else "warning",
            )

    def _variables(self) -> Iterable[str]:
        return {**self._workflow.env, **self._step.env}
