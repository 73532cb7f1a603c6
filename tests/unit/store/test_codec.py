"""Bytes and events: what is stored does not depend on how a class is laid out today."""

import msgspec
import pytest

from flowd.domain import events as e
from flowd.domain import upcast as upcast_module
from flowd.domain.upcast import Values, upcast
from flowd.domain.workflow import Workflow
from flowd.store.codec import (
    INLINE_OUTPUT_BYTES,
    decode_environment,
    decode_event,
    decode_workflow,
    encode_event,
    join_batch,
    split_batch,
)
from support.histories import RELEASE, started, step_finished, step_output


class Shelf:
    """Attachments out of encoded events."""

    def __init__(self, documents: dict[bytes, bytes] | None = None, output: bytes = b""):
        self._documents = documents or {}
        self._output = output

    def workflow(self, digest: bytes) -> Workflow:
        return decode_workflow(self._documents[digest])

    def environment(self, digest: bytes) -> dict[str, str]:
        return decode_environment(self._documents[digest])

    def output(self, position: int) -> bytes:
        return self._output


def _stored(event: e.Event) -> list[object]:
    [stored] = split_batch(join_batch([encode_event(event).body]))
    return stored


def test_an_event_is_its_tag_its_time_and_its_own_fields() -> None:
    assert _stored(step_finished()) == [
        "step_finished", 1003, "build", 1, "succeeded", 0, 12, {}, "", None, None, 0, "",
    ]  # fmt: skip


def test_workflow_and_environment_are_kept_apart() -> None:
    encoded = encode_event(started())
    assert len(encoded.documents) == 2
    stored = _stored(started())
    assert {stored[2], stored[5]} == set(encoded.documents)
    assert encode_event(started(inputs={}, cwd="/")).documents == encoded.documents
    assert decode_event(stored, 1, Shelf(encoded.documents)) == started()


@pytest.mark.parametrize("size", [0, 1, INLINE_OUTPUT_BYTES, INLINE_OUTPUT_BYTES + 1, 70_000])
def test_only_long_outputs_are_kept_apart(size: int) -> None:
    event = step_output(b"x" * size)
    encoded = encode_event(event)
    assert (encoded.output is not None) == (size > INLINE_OUTPUT_BYTES)
    assert len(encoded.body) < INLINE_OUTPUT_BYTES + 64
    assert decode_event(_stored(event), 1, Shelf(output=event.data)) == event


def test_an_event_older_than_a_field_reads_as_its_default() -> None:
    old = ["step_finished", 1003, "build", 1, "failed"]
    expected = e.StepFinished(at=1003, step="build", attempt=1, outcome="failed")
    assert decode_event(old, 1, Shelf()) == expected


def test_an_event_newer_than_us_reads_without_what_we_do_not_know() -> None:
    assert decode_event([*_stored(step_finished()), "news"], 1, Shelf()) == step_finished()


@pytest.mark.parametrize(
    "damaged",
    [
        ["step_teleported", 1003],
        ["step_finished", 1003, "build"],
        ["step_finished", 1003, "build", "one", "succeeded"],
        ["step_finished", 1003, "build", 1, "splendid"],
        ["run_started", 1000, 7, {}, "/", b"x"],
        ["run_started"],
        [],
    ],
)
def test_what_is_no_event_is_told_so(damaged: list[object]) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(damaged, 1, Shelf())


# ------------------------------------------------------------------------------- old histories


def test_an_old_event_is_translated_step_by_step() -> None:
    def seconds_to_milliseconds(values: Values) -> tuple[str, Values]:
        at, step, delay = values
        assert isinstance(delay, int)
        return "retry_planned", [at, step, delay * 1000]

    def count_attempts(values: Values) -> tuple[str, Values]:
        at, step, delay_ms = values
        return "retry_scheduled", [at, step, 1, delay_ms]

    upcasters = {"retry_in": seconds_to_milliseconds, "retry_planned": count_attempts}
    assert upcast("retry_in", [1, "build", 5], upcasters) == (
        "retry_scheduled",
        [1, "build", 1, 5000],
    )
    assert upcast("retry_scheduled", [1], upcasters) == ("retry_scheduled", [1])


def test_decoding_goes_through_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def was_renamed(values: Values) -> tuple[str, Values]:
        return "step_skipped", values

    monkeypatch.setitem(upcast_module.UPCASTERS, "step_left_out", was_renamed)
    decoded = decode_event(["step_left_out", 5, "build", "not needed"], 1, Shelf())
    assert decoded == e.StepSkipped(at=5, step="build", reason="not needed")


def test_a_workflow_is_one_document_however_often_it_runs() -> None:
    first, second = encode_event(started(RELEASE)), encode_event(started(at=9, client_token="t"))
    assert first.documents == second.documents
