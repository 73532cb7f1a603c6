"""What a workflow would do, before it is run: the judge's verdict step by step."""

from flowd.domain.ports import (
    VERDICT_RANK,
    Finding,
    Judge,
    Judgement,
    Reversibility,
    StepJudgement,
    Verdict,
)
from flowd.domain.workflow import Shell, Step, Workflow, shell_of


def judge_workflow(workflow: Workflow, judge: Judge, cwd: str | None) -> list[StepJudgement]:
    """Judge every script of every step; in file order."""
    return [judge_step(step, shell_of(workflow, step), judge, cwd) for step in workflow.steps]


def judge_step(step: Step, shell: Shell, judge: Judge, cwd: str | None) -> StepJudgement:
    """Judge a step by its scripts. Spans refer to `run`; those of an undo or check are at its end.

    An undo that is merely to be confirmed does not raise the step's verdict: it is shown with the
    step, and runs only when a person asks for it or a failure demands it. A blocked one blocks.
    """
    main = judge.judge(step.run, shell=shell, cwd=cwd)
    verdict, findings = main.verdict, list(main.findings)
    if step.check is not None:
        check = judge.judge(step.check, shell=shell, cwd=cwd)
        verdict = stricter(verdict, check.verdict)
        findings += [_labelled(finding, "check", len(step.run)) for finding in check.findings]
    if (plan := step.undo_plan) is not None:
        undo = judge.judge(plan.run, shell=shell, cwd=cwd)
        verdict = "block" if undo.verdict == "block" else verdict
        findings += [_labelled(finding, "undo", len(step.run)) for finding in undo.findings]
    return StepJudgement(
        step=step.id,
        judgement=Judgement(verdict=verdict, findings=findings, read_only=main.read_only),
        reversibility=_reversibility(step, main, shell, judge),
    )


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """The stricter of two verdicts."""
    return one if VERDICT_RANK[one] >= VERDICT_RANK[other] else other


def strictest(judged: list[StepJudgement]) -> Verdict:
    """The verdict over all steps; `allow` for none."""
    worst: Verdict = "allow"
    for item in judged:
        worst = stricter(worst, item.judgement.verdict)
    return worst


def _reversibility(step: Step, judgement: Judgement, shell: Shell, judge: Judge) -> Reversibility:
    if judgement.read_only:
        return "reversible"
    if step.undo is not None:
        return "compensable"
    saved = not step.finally_ and judge.can_save(step.run, shell=shell)
    return "saved" if saved else "irreversible"


def _labelled(finding: Finding, label: str, end: int) -> Finding:
    return Finding(
        rule=finding.rule,
        verdict=finding.verdict,
        message=f"{label}: {finding.message}",
        span=(end, end),
        safer=finding.safer,
        source=finding.source,
    )
