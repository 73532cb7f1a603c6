"""Recorded events to `flow/event` params: same facts, same names, text instead of bytes."""

import codecs

from msgspec import Struct

from flowd.domain import events as domain
from flowd.domain.run import Question
from flowd.server.convert import sandbox_words
from flowproto import events as wire
from flowproto.artifacts import Artifact
from flowproto.runs import LogChunk

# Facts whose wire form has the same fields; `EventConverter` treats the others by hand.
_SAME: dict[type[Struct], type[wire.EventBase]] = {
    domain.StepStarted: wire.StepStarted,
    domain.StepExpanded: wire.StepExpanded,
    domain.FilesSaved: wire.FilesSaved,
    domain.StepFinished: wire.StepFinished,
    domain.AttemptWithdrawn: wire.AttemptWithdrawn,
    domain.StepSkipped: wire.StepSkipped,
    domain.RetryScheduled: wire.RetryScheduled,
    domain.CheckStarted: wire.CheckStarted,
    domain.CheckFinished: wire.CheckFinished,
    domain.CancelRequested: wire.CancelRequested,
    domain.RetryRequested: wire.RetryRequested,
    domain.RollbackStarted: wire.RollbackStarted,
    domain.CompensationStarted: wire.CompensationStarted,
    domain.CompensationFinished: wire.CompensationFinished,
    domain.RunParked: wire.RunParked,
    domain.RunResumed: wire.RunResumed,
    domain.RunFinished: wire.RunFinished,
}
_FIELDS = {
    kind: tuple(set(kind.__struct_fields__) - {"position", "run"}) for kind in _SAME.values()
}


class OutputText:
    """Decodes output chunk by chunk; a character split between two chunks comes out whole.

    Bytes that are not UTF-8 become U+FFFD. What a stream begins and never ends is left out.
    """

    def __init__(self) -> None:
        self._decoders: dict[tuple[object, ...], codecs.IncrementalDecoder] = {}

    @property
    def whole(self) -> bool:
        """Whether no stream is in the middle of a character."""
        return not any(decoder.getstate()[0] for decoder in self._decoders.values())

    def decode(self, event: domain.OutputAppended) -> str:
        """Give the text of the next chunk of its script and stream."""
        key = (event.step, event.attempt, event.kind, event.stream)
        decoder = self._decoders.get(key)
        if decoder is None or event.skipped:
            decoder = self._decoders[key] = codecs.getincrementaldecoder("utf-8")("replace")
        return decoder.decode(event.data)


class EventConverter:
    """Converts the events of one run, in order."""

    def __init__(self) -> None:
        self._text = OutputText()

    def __call__(self, recorded: domain.Recorded) -> wire.EventBase:
        """Give the wire form of the next event."""
        event, position, run = recorded.event, recorded.position, recorded.run
        if isinstance(event, domain.OutputAppended):
            return wire.StepOutput(
                position=position,
                run=run,
                at=event.at,
                step=event.step,
                attempt=event.attempt,
                kind=event.kind,
                stream=event.stream,
                text=self._text.decode(event),
                skipped=event.skipped,
            )
        if isinstance(event, domain.RunStarted):
            return wire.RunStarted(
                position=position,
                run=run,
                at=event.at,
                name=event.workflow.name,
                cwd=event.cwd,
                steps=[step.id for step in event.workflow.steps],
                inputs=dict(event.inputs),
                terminals=[step.id for step in event.workflow.steps if step.tty],
                sandbox=sandbox_words(event.workflow, event.sandbox),
            )
        if isinstance(event, domain.QuestionAsked):
            question = Question(event.step, event.about, event.question, event.no_undo)
            return wire.QuestionAsked(
                position=position,
                run=run,
                at=event.at,
                step=event.step,
                about=event.about,
                question=event.question,
                answers=list(question.answers),
                lasting=event.lasting,
            )
        if isinstance(event, domain.QuestionAnswered):
            return wire.QuestionAnswered(
                position=position,
                run=run,
                at=event.at,
                step=event.step,
                answer=event.answer,
                by=event.by,
                keep="" if event.granted is None else event.granted.keep.scope,
                approval=event.approval,
            )
        if isinstance(event, domain.ArtifactsKept):
            return wire.ArtifactsKept(
                position=position,
                run=run,
                at=event.at,
                step=event.step,
                attempt=event.attempt,
                files=[
                    Artifact(path=file.path, size=file.size, sha256=file.sha256, mode=file.mode)
                    for file in event.files
                ],
                bytes=event.bytes,
                left_out=event.left_out,
                reason=event.reason,
            )
        kind = _SAME[type(event)]
        same = {name: getattr(event, name) for name in _FIELDS[kind]}
        return kind(position=position, run=run, **same)


def to_chunk(recorded: domain.Recorded, text: OutputText) -> LogChunk | None:
    """Give an output event as a chunk of `flow/logs`; None for other events."""
    event = recorded.event
    if not isinstance(event, domain.OutputAppended):
        return None
    return LogChunk(
        position=recorded.position,
        step=event.step,
        attempt=event.attempt,
        kind=event.kind,
        stream=event.stream,
        text=text.decode(event),
        skipped=event.skipped,
    )
