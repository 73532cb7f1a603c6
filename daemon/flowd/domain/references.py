"""Names in expressions and messages must be names of something that is there by then."""

from collections.abc import Collection, Iterable, Iterator

from flowd.domain import expressions
from flowd.domain.expressions import ROOTS, STEP_FACTS, Reference
from flowd.domain.graph import needs_of, order
from flowd.domain.inputs import names_in_template
from flowd.domain.problems import Path, Problems, closest
from flowd.domain.workflow import Step, Workflow
from flowd.errors import InvalidInput

_EXAMPLE_VALUES: dict[str, object] = {"string": "", "integer": 0, "number": 0.0, "boolean": True}


def check_references(workflow: Workflow, ids: dict[str, int], problems: Problems) -> None:
    """Record names in expressions and messages of nothing, or of what is not known by then.

    Every id in `ids` is unique.
    """
    if not any(_has_names(step) for step in workflow.steps):
        return
    done_before = {} if problems.fatal else _done_before(workflow)
    for index, step in enumerate(workflow.steps):
        names = _Names(workflow, step, ids, done_before.get(step.id), problems)
        path: Path = ("steps", index)
        for key, expression in (("if", step.if_), ("for_each", step.for_each)):
            if isinstance(expression, str) and (expression or problems.is_there((*path, key))):
                names.check_expression(expression, (*path, key))
        if step.confirm:
            names.check_message(step.confirm, (*path, "confirm"))


def _has_names(step: Step) -> bool:
    return step.if_ is not None or bool(step.confirm) or isinstance(step.for_each, str)


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


class _Names:
    """What one step may refer to. `done_before` is None when the order is not known."""

    def __init__(
        self,
        workflow: Workflow,
        step: Step,
        ids: dict[str, int],
        done_before: int | None,
        problems: Problems,
    ) -> None:
        self._workflow = workflow
        self._step = step
        self._ids = ids
        self._done_before = done_before
        self._problems = problems
        self._variables = {**workflow.env, **step.env}

    def check_expression(self, expression: str, path: Path) -> None:
        """Check a condition (`if`), or what is to give a list (`for_each`)."""
        key = path[-1]
        if not expression.strip():
            what = "a condition" if key == "if" else "a list, or an expression that gives one"
            self._problems.add(path, f"`{key}` is empty", f"write {what}, or remove it")
            return
        try:
            used = expressions.references(expression)
        except InvalidInput as error:
            cure = (
                error.cure
                if key == "if"
                else "write a list, such as [a, b], or CEL, " + ("such as steps.find.stdout")
            )
            self._problems.add(path, error.message, cure)
            return
        misread = [n for n in used.names if n.path[0] == "steps" and n.hyphens in self._ids]
        for name in misread:
            self._problems.add(
                path,
                f"`steps.{name.hyphens}` means `steps.{name.path[1]}` minus something",
                f'write steps["{name.hyphens}"]',
            )
        if misread:
            return  # what is left of the name would only be reported again
        for name in used.names:
            for at, what, known in self._unknown(name.path):
                span = self._problems.inside(path, *name.spans[at])
                self._problems.add_unknown(path, what, name.path[at], known, span=span)
            self._check_order(name.path, path)
        if any(n.path[2:3] == (expressions.ITEMS,) for n in used.names) and (
            expressions.loops_within_loops(expression)
        ):
            what = "it goes over items within a loop: that may be a million steps"
            self._problems.add(path, what, "loop once: items.map(i, i.exit_code == 0, i.item)")
        for root in used.unknown_roots:
            self._check_root(root, path)
        for function in used.unknown_functions:
            what = f"there is no function {function!r}"
            self._problems.add_unknown(path, what, function, expressions.FUNCTIONS)
        if not (used.unknown_roots or used.unknown_functions or used.whole_steps):
            self._check_types(expression, used.names, path)

    def _check_types(self, expression: str, names: Iterable[Reference], path: Path) -> None:
        outputs: dict[str, dict[str, str]] = {}
        environment: dict[str, str] = {}
        for name in names:
            if name.path[0] == "env":
                environment |= dict.fromkeys(name.path[1:2], "")
            elif name.path[0] == "steps" and len(name.path) > 1:
                outputs.setdefault(name.path[1], {}).update(dict.fromkeys(name.path[3:4], ""))
        facts: dict[str, object] = {"status": "succeeded", "exit_code": 0, "stdout": ""}
        items = [{**facts, "item": "", "outputs": {}}]
        steps = {
            step_id: {**facts, "outputs": found, expressions.ITEMS: items}
            for step_id, found in outputs.items()
        }
        inputs = {
            name: _EXAMPLE_VALUES[declared.type] for name, declared in self._workflow.inputs.items()
        }
        scope = {"steps": steps, "inputs": inputs, "env": environment}
        if path[-1] == "if":
            wrong = expressions.type_problem(expression, scope)
            fix = 'compare values of one type, such as steps.test.exit_code == 0 or inputs.x != ""'
        else:
            wrong = expressions.list_problem(expression, scope)
            fix = "give a list, or text with one item a line, such as steps.find.stdout"
        if wrong:
            self._problems.add(path, wrong, fix)

    def check_message(self, message: str, path: Path) -> None:
        known = [*self._workflow.inputs, *self._variables]
        for name in names_in_template(message):
            parts = tuple(name.split("."))
            if parts[0] == "steps" and len(parts) > 1:
                for at, what, choices in self._unknown(parts):
                    self._problems.add_unknown(path, what, parts[at], choices)
                self._check_order(parts, path)
            elif name not in known:
                near = closest(name, known)
                self._problems.add(
                    path,
                    f"${{{name}}} is neither an input nor a variable of `env`",
                    f"did you mean ${{{near}}}?" if near else "declare it under `inputs` or `env`",
                )

    def _unknown(self, name: tuple[str, ...]) -> Iterator[tuple[int, str, Collection[str]]]:
        """Give the part of a path that is wrong, if one is: its index, why, and what is known."""
        if len(name) == 1:
            return
        if name[0] == "inputs" and name[1] not in self._workflow.inputs:
            yield 1, f"there is no input {name[1]!r}", self._workflow.inputs
        if name[0] != "steps":
            return
        if name[1] not in self._ids:
            yield 1, f"no step is called {name[1]!r}", self._ids
            return
        step = self._workflow.steps[self._ids[name[1]]]
        facts = STEP_FACTS if step.for_each is None else (*STEP_FACTS, expressions.ITEMS)
        if len(name) > 2 and name[2] not in facts:
            what = "a step without `for_each`" if name[2] == expressions.ITEMS else "a step"
            yield 2, f"{what} has no {name[2]!r}", facts
            return
        declared = step.outputs
        if len(name) > 3 and name[2] == "outputs" and declared and name[3] not in declared:
            yield 3, f"step {name[1]!r} does not declare the output {name[3]!r}", declared

    def _check_root(self, root: str, path: Path) -> None:
        for scope, names in (("steps", self._ids), ("inputs", self._workflow.inputs)):
            if root in names:
                self._problems.add(
                    path, f"{root!r} is not known by itself", f"write {scope}.{root}"
                )
                return
        what = f"{root!r} is not known: an expression sees steps, inputs and env"
        self._problems.add_unknown(path, what, root, ROOTS)

    def _check_order(self, name: tuple[str, ...], path: Path) -> None:
        """Check that the step is done by now, and that a variable is spelled as declared."""
        if len(name) > 1 and name[0] == "env" and name[1] not in self._variables:
            near = closest(name[1], self._variables)
            if near:  # any other name may come from the environment of the run
                what = f"`env` does not declare {name[1]!r}"
                fix = f"did you mean {near!r}?"
                self._problems.add(path, what, fix, severity="warning")
        if len(name) < 2 or name[0] != "steps" or name[1] not in self._ids:
            return
        if name[1] == self._step.id:
            self._problems.add(
                path, "the step asks about itself, before it has run", "ask about an earlier step"
            )
        elif self._done_before is not None and not self._done_before >> self._ids[name[1]] & 1:
            self._problems.add(
                path,
                f"step {name[1]!r} may not be done when this step begins",
                f"add {name[1]} to `needs`",
                severity="warning",
            )
