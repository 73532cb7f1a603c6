"""Validate and judge, without running."""

from pathlib import Path

import msgspec

from flowd.domain.boundaries import drawn_by, words_of_drawn
from flowd.domain.foresight import Obstacle
from flowd.domain.parse import Problem, workflow_from_object
from flowd.domain.preview import strictest
from flowd.domain.render import to_object
from flowd.domain.workflow import Workflow
from flowd.engine.acceptance import folder_in
from flowd.engine.judging import judge_in_turns, with_extents
from flowd.errors import InvalidWorkflow
from flowd.server.contexts import JudgeContext
from flowd.server.convert import (
    to_finding_row,
    to_finding_rows,
    to_obstacle_row,
    to_problem_row,
    to_step_preview,
)
from flowd.server.sources import (
    exactly_one,
    find_workflow,
    folder_of,
    path_in,
    read_text,
    read_workflow_file,
)
from flowproto.check import CheckParams, CheckResult
from flowproto.runs import RunParams

Environment = dict[str, str] | None


async def handle_check(params: CheckParams, context: JudgeContext) -> CheckResult:
    """Judge a command, or validate and judge a workflow."""
    exactly_one(params, ("workflow", "text", "path", "command", "template", "suggestion"))
    cwd = folder_of(params.cwd)
    environment = params.environment
    if params.command is not None:
        judgement = context.judge.judge(params.command, cwd=params.cwd)
        if params.cwd is not None:
            judgement = await with_extents(judgement, context.extents, params.cwd)
        findings = [to_finding_row(finding) for finding in judgement.findings]
        return CheckResult(verdict=judgement.verdict, findings=findings)
    if params.workflow is not None:
        return await _check_object(params.workflow, context, cwd, environment)
    if params.template is not None or params.suggestion is not None:
        named = RunParams(template=params.template, suggestion=params.suggestion)
        workflow, _ = await find_workflow(
            named, cwd, suggester=context.suggester, templates=context.templates
        )
        return await _judged(workflow, [], context, cwd, environment)
    text = params.text
    if text is None:
        assert params.path is not None
        text = await read_workflow_file(path_in(cwd, params.path))
    return await _check_text(text, context, cwd, environment)


async def _check_text(
    text: str, context: JudgeContext, cwd: Path, environment: Environment
) -> CheckResult:
    reading = await read_text(text)
    if not reading.valid:
        return _invalid(reading.problems)
    return await _judged(reading.workflow(), reading.problems, context, cwd, environment)


async def _check_object(
    shaped: dict[str, object], context: JudgeContext, cwd: Path, environment: Environment
) -> CheckResult:
    try:
        workflow = workflow_from_object(shaped)
    except InvalidWorkflow as error:
        return _invalid(msgspec.convert(error.data["problems"], list[Problem]))
    return await _judged(workflow, [], context, cwd, environment)


def _invalid(problems: list[Problem]) -> CheckResult:
    return CheckResult(
        verdict="block",
        findings=[],
        valid=False,
        problems=[to_problem_row(problem) for problem in problems],
    )


async def _judged(
    workflow: Workflow,
    problems: list[Problem],
    context: JudgeContext,
    cwd: Path,
    environment: Environment,
) -> CheckResult:
    judged = await judge_in_turns(workflow, context.judge, str(cwd), context.extents)
    obstacles: list[Obstacle] = []
    folder = folder_in(str(cwd), workflow.cwd)
    drawn = () if context.boundaries is None else context.boundaries(folder)
    if context.preflight is not None and environment is not None:
        obstacles = await context.preflight(workflow, judged, folder, environment)
    return CheckResult(
        verdict=strictest(judged),
        findings=to_finding_rows(judged),
        problems=[to_problem_row(problem) for problem in problems],
        steps=[to_step_preview(item) for item in judged],
        name=workflow.name,
        workflow=to_object(workflow),
        preflight=[to_obstacle_row(obstacle) for obstacle in obstacles],
        boundaries=words_of_drawn(drawn_by(drawn)),
    )
