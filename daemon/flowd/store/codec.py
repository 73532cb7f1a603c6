"""Events as bytes.

A stored event is an array: its tag, `at`, then its own fields as they are declared. What is big or
shared by many events is kept apart (see `attachments.py`) and only referred to: the workflow and
the environment of RunStarted by their digest, an output longer than `INLINE_OUTPUT_BYTES` by the
position of its event, marked here by None.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Protocol, get_args

import msgspec

from flowd.domain.events import Event, OutputAppended, RunStarted
from flowd.domain.upcast import upcast
from flowd.domain.workflow import Workflow
from flowd.errors import InvalidInput

INLINE_OUTPUT_BYTES = 1024
DIGEST_BYTES = 16

_TYPES: Final[dict[str, type[Event]]] = {
    str(event_type.__struct_config__.tag): event_type for event_type in get_args(Event)
}
_STORED_FIELDS: Final = {
    event_type: ("at", *(name for name in event_type.__struct_fields__ if name != "at"))
    for event_type in _TYPES.values()
}
_OUTPUT_TAG: Final = OutputAppended.__struct_config__.tag
_DATA_AT: Final = 1 + _STORED_FIELDS[OutputAppended].index("data")
_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(list[list[object]])
_workflow_decoder = msgspec.msgpack.Decoder(Workflow)
_environment_decoder = msgspec.msgpack.Decoder(dict[bytes, bytes])


@dataclass(slots=True)
class EncodedEvent:
    """An event ready to be stored, and what is kept apart from it: documents are by digest."""

    body: bytes = b""
    documents: dict[bytes, bytes] = field(default_factory=dict)
    output: bytes | None = None


class Attachments(Protocol):
    """Where a decoder finds what was kept apart."""

    def workflow(self, digest: bytes) -> Workflow:
        """Give the workflow with that digest."""
        ...

    def environment(self, digest: bytes) -> dict[str, str]:
        """Give the environment with that digest."""
        ...

    def output(self, position: int) -> bytes | int:
        """Give the output of the event at that position, or its size when it was removed."""
        ...


def encode_event(event: Event) -> EncodedEvent:
    """Make an event ready to be stored; InvalidInput when it holds what cannot be."""
    encoded = EncodedEvent()
    try:
        is_long = isinstance(event, OutputAppended) and len(event.data) > INLINE_OUTPUT_BYTES
        if not is_long and not isinstance(event, RunStarted):
            encoded.body = _encoder.encode(event)  # msgspec's own order is the stored one
            return encoded
        values: list[object] = [getattr(event, name) for name in _STORED_FIELDS[type(event)]]
        if isinstance(event, RunStarted):
            kept_apart = {
                "workflow": _encoder.encode(event.workflow),
                "environment": encode_environment(event.environment),
            }
            for name, document in kept_apart.items():
                digest = blake2b(document, digest_size=DIGEST_BYTES).digest()
                encoded.documents[digest] = document
                values[_STORED_FIELDS[RunStarted].index(name)] = digest
        elif isinstance(event, OutputAppended):
            encoded.output = event.data
            values[_STORED_FIELDS[OutputAppended].index("data")] = None
        encoded.body = _encoder.encode([event.__struct_config__.tag, *values])
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidInput(
            f"the log cannot hold this: {error}",
            cure="use text that is valid Unicode, and integers of at most 64 bits",
        ) from error
    return encoded


def join_batch(bodies: Sequence[bytes]) -> bytes:
    """Put encoded events together to one batch."""
    return _encoder.encode([msgspec.Raw(body) for body in bodies])


def split_batch(batch: bytes | msgspec.Raw) -> list[list[object]]:
    """Give the stored arrays of a batch; msgspec.DecodeError when it is damaged."""
    return _batch_decoder.decode(batch)


def decode_event(stored: list[object], position: int, attachments: Attachments) -> Event:
    """Give the event of a stored array, whatever release wrote it.

    msgspec.DecodeError when it is damaged or its tag is of a newer Flow.
    """
    tag, values = upcast(str(stored[0]), stored[1:]) if stored else ("", [])
    event_type = _TYPES.get(tag)
    if event_type is None:
        raise msgspec.DecodeError(f"an event {tag!r}, which this Flow does not know")
    named = dict(zip(_STORED_FIELDS[event_type], values, strict=False))
    if event_type is RunStarted:
        named["workflow"] = attachments.workflow(_digest(named.get("workflow")))
        named["environment"] = attachments.environment(_digest(named.get("environment")))
    elif event_type is OutputAppended and named.get("data") is None:
        kept = attachments.output(position)
        if isinstance(kept, int):  # removed: as if it had been left out in the first place
            named["skipped"] = msgspec.convert(named.get("skipped", 0), int) + kept
            kept = b""
        named["data"] = kept
    return msgspec.convert([tag, *_in_order(event_type, named)], event_type)


def is_output_apart(stored: Sequence[object]) -> bool:
    """Whether a stored array is an output whose bytes are kept under the event's position."""
    return stored[0] == _OUTPUT_TAG and stored[_DATA_AT] is None


def _in_order(event_type: type[Event], named: dict[str, object]) -> list[object]:
    """Give the values as msgspec wants them, with the defaults of fields added since."""
    if len(named) < len(event_type.__struct_fields__):
        for info in msgspec.structs.fields(event_type):
            if info.name not in named:
                named[info.name] = _default_of(info)
    return [named[name] for name in event_type.__struct_fields__]


def _default_of(info: msgspec.structs.FieldInfo) -> object:
    if info.default is not msgspec.NODEFAULT:
        return info.default
    if info.default_factory is msgspec.NODEFAULT:
        raise msgspec.ValidationError(f"the field {info.name!r} is missing")
    return info.default_factory()


def _digest(value: object) -> bytes:
    return msgspec.convert(value, bytes)


def encode_environment(environment: dict[str, str]) -> bytes:
    """Encode variables, which on Unix are bytes that need not be text."""
    return _encoder.encode(
        {
            name.encode("utf-8", "surrogateescape"): value.encode("utf-8", "surrogateescape")
            for name, value in environment.items()
        }
    )


def decode_environment(document: bytes) -> dict[str, str]:
    """Turn `encode_environment` round."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in _environment_decoder.decode(document).items()
    }


def decode_workflow(document: bytes) -> Workflow:
    """Give the workflow of a document."""
    return _workflow_decoder.decode(document)
