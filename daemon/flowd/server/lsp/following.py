"""Following a run that an editor started: progress, questions, and how it ended."""

import itertools

import trio
from lsprotocol import types

from flowd.domain import events as e
from flowd.domain.items import parent_of
from flowd.domain.run import Question
from flowd.domain.workflow import Workflow
from flowd.errors import Conflict
from flowd.server.lsp.editor import Editor

_PREFIX = "flow-run-"
_numbers = itertools.count(1)


async def follow(editor: Editor, run: str, workflow: Workflow, after: int = 0) -> None:
    """Show a run from position `after` until it ends, is parked, or the editor leaves."""
    shown = _Shown(editor, run, workflow)
    await shown.begin()
    asking: dict[str, trio.CancelScope] = {}
    try:
        position = after
        while not shown.over:
            await editor.services.engine.wait_beyond(run, position)
            for recorded in await editor.services.log.read(run, after=position):
                position, event = recorded.position, recorded.event
                await shown.take(event)
                if isinstance(event, e.QuestionAsked):
                    scope = asking[event.step] = trio.CancelScope()
                    editor.start_soon(_ask, editor, run, workflow, event, scope)
                elif isinstance(event, e.QuestionAnswered) and event.step in asking:
                    asking.pop(event.step).cancel()  # if somebody else was quicker
    finally:
        for scope in asking.values():
            scope.cancel()
        await shown.end()


def run_of_token(token: str) -> str:
    """Give the run a progress token is about; empty when it is not one of ours."""
    return token.removeprefix(_PREFIX).partition("/")[0] if token.startswith(_PREFIX) else ""


async def _ask(
    editor: Editor, run: str, workflow: Workflow, asked: e.QuestionAsked, scope: trio.CancelScope
) -> None:
    """Put a question of the run to the user, and carry the answer back."""
    question = Question(asked.step, asked.about, asked.question, asked.no_undo)
    if not editor.can_choose:
        how = f"flowctl answer {run} {asked.step} {'|'.join(question.answers)}"
        message = f"Flow: {workflow.name} waits: {asked.question} ({how})"
        await editor.show(types.MessageType.Warning, message)
        return
    with scope:
        title = f"{workflow.name}, step {asked.step}: {asked.question}"
        chosen = await editor.choose(title, list(question.answers))
        answer = next((known for known in question.answers if known == chosen), None)
        if answer is not None:
            try:
                await editor.services.engine.answer(run, asked.step, answer, by=editor.peer.name)
            except Conflict as error:  # it was answered elsewhere, or the run went on without it
                await editor.show(types.MessageType.Info, f"Flow: {error.message}")


class _Shown:
    """What the user sees of one run: a progress bar where the editor has one, and the outcome."""

    def __init__(self, editor: Editor, run: str, workflow: Workflow) -> None:
        self._editor = editor
        self._run = run
        self._workflow = workflow
        self._on_terminal = {step.id for step in workflow.steps if step.tty}
        self._token = f"{_PREFIX}{run}/{next(_numbers)}"  # a token may be used once only
        self._bar = False
        self._done = 0
        self._failure = ""
        self.over = False

    async def begin(self) -> None:
        """Open the progress bar, if the editor has one."""
        window = self._editor.client.window
        if window is None or not window.work_done_progress:
            return
        create = types.WorkDoneProgressCreateParams(token=self._token)
        self._bar = await self._editor.request(types.WINDOW_WORK_DONE_PROGRESS_CREATE, create)
        title = f"Flow: {self._workflow.name}"
        await self._report(types.WorkDoneProgressBegin(title=title, cancellable=True))

    async def take(self, event: e.Event) -> None:
        """Show what happened."""
        match event:
            case e.StepStarted(step=step):
                await self._say(step)
                if step in self._on_terminal:  # only flowctl has a terminal to lend
                    how = f"type there with flowctl attach {self._run}"
                    message = f"Flow: {self._workflow.name}: {step} runs on a terminal, {how}"
                    await self._editor.show(types.MessageType.Info, message)
            case e.StepFinished(step=step, outcome="succeeded") if parent_of(step):
                await self._say(f"{step} succeeded")  # only the whole of it counts
            case e.StepFinished(step=step, outcome=outcome, reason=reason):
                if outcome == "succeeded":
                    self._done += 1
                else:
                    self._failure = f"step {step}: {reason or outcome.replace('_', ' ')}"
                await self._say(f"{step} {outcome}")
            case e.StepSkipped(step=step):
                self._done += not parent_of(step)
                await self._say(f"{step} skipped")
            case e.CompensationStarted(step=step):
                await self._say(f"undoing {step}")
            case e.RunParked(reason=reason):
                self.over = True
                how = f"flowctl resume {self._run} goes on"
                message = f"Flow: {self._workflow.name} is parked: {reason} ({how})"
                await self._editor.show(types.MessageType.Error, message)
            case e.RunFinished(state=state):
                self.over = True
                await self._tell_outcome(state)

    async def end(self) -> None:
        """Close the progress bar."""
        await self._report(types.WorkDoneProgressEnd())

    async def _say(self, message: str) -> None:
        percentage = min(100, 100 * self._done // len(self._workflow.steps))
        await self._report(types.WorkDoneProgressReport(message=message, percentage=percentage))

    async def _report(self, value: object) -> None:
        if self._bar:
            params = types.ProgressParams(token=self._token, value=self._editor.to_json(value))
            await self._editor.notify(types.PROGRESS, params)

    async def _tell_outcome(self, state: e.RunStatus) -> None:
        kind = types.MessageType.Info
        told = f"Flow: {self._workflow.name} {state.replace('_', ' ')}"
        undone = state == "compensated" and not self._failure  # as the user asked
        if state not in ("succeeded", "cancelled") and not undone:
            kind = types.MessageType.Error if state != "compensated" else types.MessageType.Warning
            reason = f" ({self._failure})" if self._failure else ""
            told += f"{reason}; flowctl show {self._run} has the details"
        await self._editor.show(kind, told)
