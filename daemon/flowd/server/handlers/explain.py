"""Explain a command or the scripts of a workflow, without running anything of theirs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

import trio
from msgspec import Struct

from flowd.domain.ports import Judgement, StepJudgement
from flowd.domain.preview import judge_step, strictest
from flowd.domain.suggestions import Suggestion
from flowd.domain.workflow import Shell, Step, Workflow, shell_of
from flowd.errors import InvalidInput
from flowd.projects import project_folders
from flowd.server.contexts import ExplainContext
from flowd.server.convert import (
    to_effect_row,
    to_explained_command,
    to_explained_part,
    to_finding_row,
)
from flowd.server.sources import exactly_one, find_workflow, folder_of
from flowproto import explain as x
from flowproto.runs import RunParams

if TYPE_CHECKING:
    from flowd.explain.explaining import Imported

LONGEST_COMMAND = 1_000_000  # characters
MOST_SECONDS = 8.0  # for all scripts of a workflow


async def handle_explain(params: x.ExplainParams, context: ExplainContext) -> x.ExplainResult:
    """Explain every script, in bounded time: what takes longer is left out, and that is said."""
    exactly_one(params, ("command", "text", "path", "workflow", "template", "suggestion"))
    cwd = folder_of(params.cwd)
    if params.command is not None:
        if len(params.command) > LONGEST_COMMAND:
            raise InvalidInput("the command is too long to explain", cure="explain a part of it")
        step = Step(id="command", run=params.command)
        judged = judge_step(step, "bash", context.judge, params.cwd)
        scripts = await _step(step, "bash", judged, _Where.of(cwd, context))
        scripts[0].step = ""
        return x.ExplainResult(verdict=judged.judgement.verdict, scripts=scripts)
    named = RunParams(
        text=params.text,
        path=params.path,
        workflow=params.workflow,
        template=params.template,
        suggestion=params.suggestion,
    )
    workflow, _ = await find_workflow(
        named, cwd, suggester=context.suggester, templates=context.templates
    )
    why = _why(context.suggester.recall(params.suggestion)) if params.suggestion else ""
    return await _workflow(workflow, why, context, cwd)


def _why(made: Suggestion) -> str:
    """Why a suggestion was made: in its provider's words, or by what is known of it."""
    return made.explanation or f"{made.provider} found “{made.title}”, score {made.score:.2f}."


async def _workflow(
    workflow: Workflow, why: str, context: ExplainContext, cwd: Path
) -> x.ExplainResult:
    where = _Where.of(cwd, context)
    all_judged: list[StepJudgement] = []
    scripts: list[x.ExplainedScript] = []
    for step in workflow.steps:
        shell = shell_of(workflow, step)
        judged = judge_step(step, shell, context.judge, str(cwd))
        all_judged.append(judged)
        scripts += await _step(step, shell, judged, where)
    return x.ExplainResult(
        verdict=strictest(all_judged), scripts=scripts, name=workflow.name, why=why
    )


class _Where(Struct, frozen=True):
    """Where manuals are looked for, and until when."""

    folder: Path
    imported: "Imported | None"
    until: float

    @classmethod
    def of(cls, cwd: Path, context: ExplainContext) -> Self:
        """For a request that begins now."""
        imported = context.knowledge.about if context.knowledge is not None else None
        return cls(cwd, imported, trio.current_time() + MOST_SECONDS)


async def _step(
    step: Step, shell: Shell, judged: StepJudgement, where: _Where
) -> list[x.ExplainedScript]:
    """Explain the scripts of a step."""
    texts = {"run": step.run, "check": step.check}
    if step.undo_plan is not None:
        texts["undo"] = step.undo_plan.run
    made = []
    for kind, judgement in judged.scripts.items():
        text = texts[kind]
        assert text is not None  # it was judged
        made.append(await _script(text, shell, judgement, where))
        made[-1].step, made[-1].script, made[-1].name = step.id, kind, step.name
    made[0].reversibility = judged.reversibility
    made[0].effects = [to_effect_row(effect) for effect in judged.scripts["run"].effects]
    return made


async def _script(
    text: str, shell: Shell, judgement: Judgement, where: _Where
) -> x.ExplainedScript:
    from flowd.explain.explaining import explain  # two thirds of a megabyte

    reading = await explain(
        text,
        shell,
        path=os.environ.get("PATH", os.defpath),
        aside=await trio.to_thread.run_sync(project_of, where.folder),
        imported=where.imported,
        seconds=max(where.until - trio.current_time(), 0.0),
    )
    return x.ExplainedScript(
        step="",
        script="run",
        text=text,
        sentence=reading.sentence,
        verdict=judgement.verdict,
        complete=reading.complete,
        commands=[to_explained_command(command) for command in reading.commands],
        parts=[to_explained_part(part) for part in reading.parts],
        findings=[to_finding_row(finding) for finding in judgement.findings],
    )


def project_of(cwd: Path) -> str:
    """The folder whose programs are never started; "" where that would be the whole machine."""
    top = project_folders(cwd)[-1]
    return "" if top == Path(top.anchor) else str(top)
