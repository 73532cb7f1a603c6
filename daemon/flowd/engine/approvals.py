"""What exactly a yes to the judge's question approves, and which earlier yes answers one.

Approved is the text of all scripts of a step, with the shell and the values of the variables that
they name, for the rules that objected: never a program, nor whatever it is given.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from flowd.domain.consents import Approvable, Consents
from flowd.domain.inputs import to_environment
from flowd.domain.ports import StepJudgement
from flowd.domain.workflow import InputValue, Step, Workflow, shell_of


def approvable(
    workflow: Workflow,
    judged: Sequence[StepJudgement],
    inputs: Mapping[str, InputValue],
    environment: Mapping[str, str],
) -> dict[str, Approvable]:
    """The questions of the judge that a lasting yes can answer, by step.

    Not those about a list that is only known once the run is there.
    """
    given = {**environment, **workflow.env, **to_environment(inputs)}
    steps = {step.id: step for step in workflow.steps}
    return {
        item.step: Approvable(_key(workflow, steps[item.step], given), _rules(item))
        for item in judged
        if item.judgement.verdict == "confirm" and not isinstance(steps[item.step].for_each, str)
    }


async def with_approvals(
    asked: dict[str, Approvable], consents: Consents | None, folder: str, at: int
) -> dict[str, Approvable]:
    """The same, with the approval that answers each one now, for a run in a folder."""
    if not asked or consents is None:
        return asked
    standing = await consents.approvals_of(list({each.key for each in asked.values()}))
    found = dict(asked)
    for step, each in asked.items():
        covering = [approval for approval in standing if approval.covers(each, folder, at)]
        if covering:
            lasting = max(covering, key=lambda approval: approval.expires_at or float("inf"))
            found[step] = replace(each, approval=lasting.id, expires_at=lasting.expires_at)
    return found


def _rules(item: StepJudgement) -> tuple[str, ...]:
    """The rules that ask, in order of their names; a user's rule by what it says as well."""
    asking = {
        f"{found.rule} ({found.message})" if found.source else found.rule
        for found in item.judgement.findings
        if found.verdict == "confirm"
    }
    return tuple(sorted(asking))


def _key(workflow: Workflow, step: Step, given: Mapping[str, str]) -> str:
    """The digest of what would run, with the values of the variables that it names."""
    undo = step.undo_plan
    scripts = [step.run, step.check or "", undo.run if undo is not None else ""]
    named = {
        name: value
        for name, value in sorted({**given, **step.env}.items())
        if any(re.search(rf"\b{re.escape(name)}\b", script) for script in scripts)
    }
    what = [
        shell_of(workflow, step),
        step.cwd or "",
        step.for_each,
        [script.strip() for script in scripts],
        named,
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()
