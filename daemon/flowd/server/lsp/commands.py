"""What an editor can have done (`workspace/executeCommand`): suggest, run, undo, check.

Every command takes one object. `uri` names a document, which is taken as it stands in the editor,
saved or not; results are those of the methods of the same name.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from lsprotocol import types
from msgspec import Struct, field

from flowd.domain.items import parent_of
from flowd.domain.parse import parse_workflow
from flowd.domain.ports import RunRequest, RunSummary
from flowd.domain.run import RunState
from flowd.domain.saga import undoable
from flowd.domain.suggestions import SuggestAnswer, Suggestion
from flowd.errors import InvalidInput, NotFound
from flowd.server.contexts import JudgeContext
from flowd.server.convert import to_provider_row, to_suggestion_row
from flowd.server.errors import ProtocolError
from flowd.server.handlers.check import handle_check
from flowd.server.lsp import following
from flowd.server.lsp.documents import Document, path_of
from flowd.server.lsp.editor import MISREAD, Editor
from flowd.server.lsp.suggesting import chosen_text, file_edit, request_for, task_in
from flowd.server.sources import read_workflow_file
from flowproto import codes
from flowproto.check import CheckParams, CheckResult
from flowproto.runs import RunResult, StateResult
from flowproto.suggest import SuggestResult

UNDOABLE = ("succeeded", "failed", "cancelled", "compensation_failed")
LOOK_BACK_RUNS = 100


class SuggestArguments(Struct, kw_only=True, forbid_unknown_fields=True):
    """`task` in words, or `range` of a document. `pick` lets the user choose one to open."""

    task: str = ""
    uri: str = ""
    range: dict[str, Any] | None = None
    pick: bool = True


class RunArguments(Struct, kw_only=True, forbid_unknown_fields=True):
    """`uri` of a workflow file; `inputs` by name."""

    uri: str
    inputs: dict[str, Any] = field(default_factory=dict)


class UndoArguments(Struct, kw_only=True, forbid_unknown_fields=True):
    """`run`, or `uri` of a workflow file whose newest run is meant."""

    run: str = ""
    uri: str = ""


class CheckArguments(Struct, kw_only=True, forbid_unknown_fields=True):
    """`uri` of a workflow file."""

    uri: str


async def execute(editor: Editor, params: types.ExecuteCommandParams) -> Any:
    """Carry a command out. What it returns is plain JSON data."""
    known = _COMMANDS.get(params.command)
    if known is None:
        raise ProtocolError(
            codes.INVALID_PARAMS,
            f"there is no command {params.command!r}",
            cure=f"known here: {', '.join(_COMMANDS)}",
        )
    wanted, act = known
    given = params.arguments[0] if params.arguments else {}
    try:
        arguments = msgspec.convert(given, wanted)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            codes.INVALID_PARAMS, f"{params.command}: {error}", cure="see PROTOCOL.md"
        ) from None
    return msgspec.to_builtins(await act(editor, arguments))


# ------------------------------------------------------------------------------------- suggest


async def _suggest(editor: Editor, arguments: SuggestArguments) -> SuggestResult:
    document = editor.documents.get(arguments.uri)
    text = _text_meant(editor, document, arguments)
    task = arguments.task or task_in(text)
    if not task.strip():
        raise InvalidInput("there is no task", cure="write in a line or two what you want done")
    request = request_for(editor, document, arguments.uri, task, text)
    answer = await editor.services.suggester.suggest(request)
    if arguments.pick:
        editor.start_soon(_open_chosen, editor, arguments.uri, answer)
    return SuggestResult(
        task=task,
        suggestions=[to_suggestion_row(made) for made in answer.suggestions],
        providers=[to_provider_row(report) for report in answer.providers],
        elapsed_ms=answer.elapsed_ms,
    )


def _text_meant(editor: Editor, document: Document | None, arguments: SuggestArguments) -> str:
    if document is None or arguments.range is None:
        return ""
    try:
        return chosen_text(document, editor.from_json(arguments.range, types.Range))
    except MISREAD:
        raise ProtocolError(codes.INVALID_PARAMS, "flow.suggest: range is no range") from None


async def _open_chosen(editor: Editor, uri: str, answer: SuggestAnswer) -> None:
    """Let the user choose, make the file in the editor, and show it. Nothing is run."""
    suggestion = await _choose(editor, answer)
    if suggestion is None:
        return
    target, edit = file_edit(editor, uri, suggestion)
    params = types.ApplyWorkspaceEditParams(edit=edit, label=f"Flow: {suggestion.title}")
    applied = await editor.ask(types.WORKSPACE_APPLY_EDIT, params, types.ApplyWorkspaceEditResult)
    if applied is None or not applied.applied:
        reason = applied.failure_reason if applied is not None else None
        message = f"Flow: the editor did not make {path_of(target)}: {reason or 'no reason given'}"
        await editor.show(types.MessageType.Warning, message)
    else:
        await editor.show_document(target)


async def _choose(editor: Editor, answer: SuggestAnswer) -> Suggestion | None:
    usable = [made for made in answer.suggestions if made.verdict != "block"]
    if not usable:
        reasons = [report.error for report in answer.providers if report.error]
        message = "Flow: no suggestion" + (f" ({'; '.join(reasons)})" if reasons else "")
        await editor.show(types.MessageType.Info, message)
        return None
    if not editor.can_choose:
        return usable[0]
    titles = [_label(number, made) for number, made in enumerate(usable, start=1)]
    chosen = await editor.choose("Flow: which workflow?", titles)
    return usable[titles.index(chosen)] if chosen is not None else None


def _label(number: int, suggestion: Suggestion) -> str:
    steps = len(suggestion.workflow.steps)
    asks = ", asks first" if suggestion.verdict == "confirm" else ""
    return f"{number}. {suggestion.title} ({steps} step{'s' * (steps != 1)}{asks})"


# -------------------------------------------------------------------------- run, undo, check


async def _run(editor: Editor, arguments: RunArguments) -> RunResult:
    for name, value in arguments.inputs.items():
        if not isinstance(value, str | int | float | bool):
            raise InvalidInput(f"input {name!r} is no plain value", cure="give text or a number")
    text, path = await _text_of(editor, arguments.uri), path_of(arguments.uri)
    if editor.services.trust is not None and path is not None:
        await editor.services.trust.refuse_untrusted(Path(path))
    request = RunRequest(
        workflow=parse_workflow(text),
        inputs=arguments.inputs,
        cwd=str(editor.folder_of(arguments.uri)),
        origin=path_of(arguments.uri) or arguments.uri,
    )
    run = await editor.services.engine.start(request)
    if editor.services.learning is not None:
        suggestion = editor.suggested.get(arguments.uri, "")
        editor.services.learning.ran(run, request.workflow, request.cwd, suggestion)
    editor.start_soon(following.follow, editor, run, request.workflow)
    return RunResult(run)


async def _undo(editor: Editor, arguments: UndoArguments) -> StateResult | None:
    """Undo a run; None when the user thinks better of it."""
    log, engine = editor.services.log, editor.services.engine
    if arguments.run:
        run = (await log.find(arguments.run)).id
    else:
        found = await _newest_run(editor, arguments.uri)
        run = found.id
        question = f"Undo run {run} of {found.name}? {_undoing(await engine.state(run))}"
        if editor.can_choose and await editor.choose(question, ["Undo", "Leave it"]) != "Undo":
            return None
    state = await engine.state(run)
    status = await engine.undo(run, by=editor.peer.name)
    editor.start_soon(following.follow, editor, run, state.workflow, state.position)
    return StateResult(run, status)


def _undoing(state: RunState) -> str:
    """Say what undoing the run carries out."""
    counts = Counter(parent_of(step) or step for step in undoable(state))
    does = []
    for step, count in counts.items():
        undo = state.plan[step].undo_plan
        script = " ".join(undo.run.split()) if undo is not None else "(puts its saved files back)"
        items = f" ({count} items)" if step in state.loops else ""
        does.append(f"{step}{items}: {script}")
    return f"This runs {'; then '.join(does)}" if does else "Nothing says how to undo it"


async def _newest_run(editor: Editor, uri: str) -> RunSummary:
    name = parse_workflow(await _text_of(editor, uri)).name
    summaries = await editor.services.log.summaries(
        query=name, states=UNDOABLE, limit=LOOK_BACK_RUNS
    )
    found = next((summary for summary in summaries if summary.name == name), None)
    if found is None:
        raise NotFound(f"no finished run of {name} can be undone", cure="flowctl ps lists runs")
    return found


async def _check(editor: Editor, arguments: CheckArguments) -> CheckResult:
    text = await _text_of(editor, arguments.uri)
    params = CheckParams(text=text, cwd=str(editor.folder_of(arguments.uri)))
    result = await handle_check(params, JudgeContext.of(editor.services, editor.peer))
    document = editor.documents.get(arguments.uri)
    if document is not None:
        await editor.publish_now(document)
    kind, message = _summary(result)
    await editor.show(kind, f"Flow: {message}")
    return result


def _summary(result: CheckResult) -> tuple[types.MessageType, str]:
    if not result.valid:
        count = len(result.problems)
        first = result.problems[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        return types.MessageType.Error, f"line {first.line}: {first.message}{more}"
    asking = [step.id for step in result.steps if step.verdict == "confirm"]
    blocked = [step.id for step in result.steps if step.verdict == "block"]
    if blocked:
        return types.MessageType.Error, f"{result.name} is blocked: {', '.join(blocked)}"
    told = f"; asks before {', '.join(asking)}" if asking else ""
    count = len(result.steps)
    steps = f"{count} step{'s' * (count != 1)}"
    return types.MessageType.Info, f"{result.name} is valid: {steps}{told}"


async def _text_of(editor: Editor, uri: str) -> str:
    """The text of a document as it is in the editor, else as it is on the disk."""
    document = editor.documents.get(uri)
    if document is not None and not document.too_large:
        return document.text
    path = path_of(uri)
    if path is None:
        raise InvalidInput(f"{uri!r} is not open and not a file", cure="open or save it")
    return await read_workflow_file(Path(path))


_Command = tuple[type[Struct], Callable[[Editor, Any], Awaitable[object]]]
_COMMANDS: dict[str, _Command] = {
    "flow.suggest": (SuggestArguments, _suggest),
    "flow.run": (RunArguments, _run),
    "flow.undo": (UndoArguments, _undo),
    "flow.check": (CheckArguments, _check),
}
COMMANDS = tuple(_COMMANDS)
