"""Domain to wire and back, for everything but events: functions without side effects."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flowd.domain import foresight, ports, suggestions
from flowd.domain.boundaries import words_of_drawn
from flowd.domain.events import Confined
from flowd.domain.graph import needs_of
from flowd.domain.items import item_id, parent_of
from flowd.domain.problems import Problem
from flowd.domain.render import to_object
from flowd.domain.run import AttemptState, Question, RunState
from flowd.domain.workflow import Workflow, sandbox_of

if TYPE_CHECKING:
    from flowd.explain import reading
from flowproto import artifacts, check, explain, runs, suggest

_LAST_POSITION = 2**63 - 1  # as far as the log can count


def from_position(given: int) -> int:
    """A position as a client sent it, brought within what the log can count."""
    return max(0, min(given, _LAST_POSITION))


def to_run_row(summary: ports.RunSummary, terminals: list[str]) -> runs.RunRow:
    """One line of a list, with the steps that run on a terminal now."""
    return runs.RunRow(
        id=summary.id,
        name=summary.name,
        state=summary.state,
        cwd=summary.cwd,
        created_at=summary.created_at,
        updated_at=summary.updated_at,
        steps=summary.steps,
        steps_done=summary.steps_done,
        question=summary.question,
        terminals=terminals,
    )


def to_show_result(state: RunState) -> runs.ShowResult:
    """A run as it stands. Its environment stays here: it may hold secrets."""
    return runs.ShowResult(
        id=state.run,
        name=state.workflow.name,
        state=state.status,
        cwd=state.cwd,
        created_at=state.created_at,
        updated_at=state.updated_at,
        position=state.position,
        steps=_step_rows(state),
        inputs=dict(state.inputs),
        questions=[_question_row(question) for question in state.questions.values()],
        workflow=to_object(state.workflow),
        sandbox=sandbox_words(state.workflow, state.sandbox),
    )


def sandbox_words(workflow: Workflow, confined: Confined | None) -> str:
    """Say for people what confines the steps of a run, and how; empty when nothing does."""
    if confined is None:
        return ""
    said = words_of_drawn(confined.drawn)
    drawn = f"boundaries of policy: {said}; " if said else ""
    if confined.rehearsal:
        stands_in = f"writes only to {'an' if confined.rehearsal == 'overlay' else 'a'} "
        stands_in += f"{confined.rehearsal} of {confined.project}, thrown away in the end"
        return f"rehearsal: {stands_in}; {drawn}by {confined.words}"
    counts = Counter(sandbox_of(workflow, step) for step in workflow.steps)
    steps = len(workflow.steps)
    levels = [
        level if counts[level] == steps else f"{level} ({counts[level]} of {steps} steps)"
        for level in ("project", "strict")
        if counts[level]
    ]
    writes = f"writes only to {confined.project} and a /tmp of its own"
    told = f"{', '.join(levels)}: {writes}; " if levels else ""
    return f"{told}{drawn}by {confined.words}"


def _step_rows(state: RunState) -> list[runs.StepRow]:
    needs = needs_of(state.workflow)
    rows = []
    for step in state.workflow.steps:
        now, undo = state.steps[step.id], step.undo_plan
        rows.append(
            runs.StepRow(
                id=step.id,
                name=step.name,
                state=now.status,
                run=step.run,
                exit_code=now.exit_code,
                duration_ms=now.duration_ms,
                reason=now.reason,
                outputs=dict(now.outputs),
                needs=list(needs[step.id]),
                undo=None if undo is None else undo.run,
                tty=step.tty,
                saved_files=now.saved_files,
                artifacts=0 if now.artifacts is None else len(now.artifacts.files),
                attempts=[_attempt_row(attempt) for attempt in now.attempts],
                for_each=step.for_each is not None,
                items=_item_rows(state, step.id),
                sandbox=sandbox_of(state.workflow, step),
            )
        )
    return rows


def _item_rows(state: RunState, step_id: str) -> list[runs.ItemRow] | None:
    loop = state.loops.get(step_id)
    if loop is None:
        return None
    rows = []
    for index, item in enumerate(loop.items):
        now = state.steps[item_id(step_id, index)]
        rows.append(
            runs.ItemRow(
                id=item_id(step_id, index),
                item=item,
                state=now.status,
                exit_code=now.exit_code,
                duration_ms=now.duration_ms,
                reason=now.reason,
                outputs=dict(now.outputs),
                saved_files=now.saved_files,
                artifacts=0 if now.artifacts is None else len(now.artifacts.files),
                attempts=[_attempt_row(attempt) for attempt in now.attempts],
            )
        )
    return rows


def to_artifacts_result(
    state: RunState, step: str | None, place_of: Callable[[ports.AttemptKey, int], str]
) -> artifacts.ArtifactsResult:
    """The files that are kept of a run, or of one of its steps or items."""
    kept = [
        now.artifacts
        for step_id, now in state.steps.items()
        if now.artifacts is not None and step in (None, step_id, parent_of(step_id))
    ]
    rows = [
        artifacts.ArtifactRow(
            path=file.path,
            size=file.size,
            sha256=file.sha256,
            mode=file.mode,
            step=event.step,
            attempt=event.attempt,
            kept_at=place_of(ports.AttemptKey(state.run, event.step, "run", event.attempt), number),
        )
        for event in kept
        for number, file in enumerate(event.files)
    ]
    notes = [
        artifacts.ArtifactsNote(step=event.step, left_out=event.left_out, reason=event.reason)
        for event in kept
        if event.left_out or event.reason
    ]
    size = sum(event.bytes for event in kept)
    return artifacts.ArtifactsResult(run=state.run, files=rows, bytes=size, notes=notes)


def _attempt_row(attempt: AttemptState) -> runs.AttemptRow:
    return runs.AttemptRow(
        attempt=attempt.attempt,
        kind=attempt.kind,
        state=attempt.outcome or "running",
        exit_code=attempt.exit_code,
        started_at=attempt.at,
        duration_ms=attempt.duration_ms,
        reason=attempt.reason,
        cpu_ms=attempt.cpu_ms,
        max_rss_bytes=attempt.max_rss_bytes,
        output_bytes=attempt.output_bytes,
        limits=attempt.limits,
    )


def _question_row(question: Question) -> runs.QuestionRow:
    return runs.QuestionRow(
        step=question.step,
        about=question.about,
        question=question.question,
        answers=list(question.answers),
    )


def to_finding_row(finding: ports.Finding, step: str = "") -> check.FindingRow:
    """One reason of the judge."""
    return check.FindingRow(
        rule=finding.rule,
        verdict=finding.verdict,
        message=finding.message,
        span=finding.span,
        safer=finding.safer,
        step=step,
        extent=finding.extent,
        source=finding.source,
    )


def to_obstacle_row(obstacle: foresight.Obstacle) -> check.ObstacleRow:
    """One thing in the way of a run."""
    return check.ObstacleRow(
        step=obstacle.step,
        script=obstacle.script,
        kind=obstacle.kind,
        severity=obstacle.severity,
        message=obstacle.message,
        cure=obstacle.cure,
        span=obstacle.span,
    )


def to_problem_row(problem: Problem) -> check.Problem:
    """One place where a workflow breaks the language."""
    return check.Problem(
        line=problem.line,
        column=problem.column,
        end_line=problem.end_line,
        end_column=problem.end_column,
        message=problem.message,
        fix=problem.fix,
        path=problem.path,
        severity=problem.severity,
        replacement=problem.replacement,
    )


def to_step_preview(judged: ports.StepJudgement) -> check.StepPreview:
    """What a run of the step would mean."""
    return check.StepPreview(
        id=judged.step,
        verdict=judged.judgement.verdict,
        reversibility=judged.reversibility,
        effects=[
            to_effect_row(effect)
            for effect in (judged.scripts["run"].effects if "run" in judged.scripts else ())
        ],
    )


def to_effect_row(effect: foresight.Effect) -> check.EffectRow:
    """One thing that a step will do."""
    return check.EffectRow(kind=effect.kind, what=effect.what)


def to_explained_part(part: "reading.Part") -> explain.ExplainedPart:
    """One piece of a script and what it means."""
    return explain.ExplainedPart(
        span=part.span, text=part.text, kind=part.kind, meaning=part.meaning, depth=part.depth
    )


def to_explained_command(command: "reading.CommandText") -> explain.ExplainedCommand:
    """One command of a script in a sentence."""
    return explain.ExplainedCommand(
        span=command.span,
        program=command.program,
        sentence=command.sentence,
        about=command.about,
        source=command.source,
        depth=command.depth,
    )


def to_finding_rows(judged: Sequence[ports.StepJudgement]) -> list[check.FindingRow]:
    """All reasons for all steps, in file order."""
    return [
        to_finding_row(finding, item.step) for item in judged for finding in item.judgement.findings
    ]


def to_suggestion_row(made: suggestions.Suggestion) -> suggest.SuggestionRow:
    """One suggestion."""
    return suggest.SuggestionRow(
        id=made.id,
        title=made.title,
        provider=made.provider,
        score=made.score,
        verdict=made.verdict,
        workflow=to_object(made.workflow),
        explanation=made.explanation,
        findings=[to_finding_row(finding) for finding in made.findings],
        reversibility=dict(made.reversibility),
        missing_inputs=list(made.missing_inputs),
        preflight=[to_obstacle_row(obstacle) for obstacle in made.obstacles],
        reasons=list(made.reasons),
    )


def to_suggest_progress(progress: suggestions.SuggestProgress) -> suggest.SuggestProgress:
    """What there is before the answer."""
    return suggest.SuggestProgress(
        suggestions=[to_suggestion_row(made) for made in progress.suggestions],
        writing=[
            suggest.WritingRow(provider=each.provider, title=each.title, scripts=each.scripts)
            for each in progress.writing
        ],
    )


def to_provider_row(report: suggestions.ProviderReport) -> suggest.ProviderRow:
    """How one provider did."""
    return suggest.ProviderRow(
        provider=report.provider,
        elapsed_ms=report.elapsed_ms,
        suggestions=report.suggestions,
        error=report.error,
        cure=report.cure,
    )
