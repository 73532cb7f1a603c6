"""Domain to wire: no fact is forgotten, no field is lost, text comes out whole."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.domain import events as domain
from flowd.domain.events import Recorded
from flowd.server.convert_events import EventConverter, OutputText
from flowproto import events as wire
from support.daemon import output
from support.stories import workflow_of

SAMPLE: dict[str, Any] = {
    "at": 5,
    "step": "a",
    "attempt": 2,
    "kind": "undo",
    "stream": "stderr",
    "data": b"text",
    "skipped": 3,
    "left_out": 3,
    "files": 12,
    "items": ["x", "y"],
    "bytes": 4096,
    "outcome": "timed_out",
    "exit_code": 124,
    "duration_ms": 77,
    "cpu_ms": 55,
    "max_rss_bytes": 9_000_000,
    "output_bytes": 44,
    "limits": "memory 64M (control group)",
    "outputs": {"k": "v"},
    "reason": "why",
    "delay_ms": 40,
    "about": "lost",
    "question": "Done?",
    "answer": "skip",
    "by": "me",
    "approval": 3,
    "lasting": True,
    "cause": "undo",
    "steps": ["b", "a"],
    "state": "compensated",
    "workflow": workflow_of("a", "b"),
    "inputs": {"n": 3},
    "cwd": "/srv",
    "environment": {"SECRET": "x"},
}
# Domain fields that stay in the daemon, or reach the wire under another name.
NOT_SENT = {
    domain.RunStarted: {
        "workflow", "environment", "questions", "approved", "client_token", "origin", "window",
        "approvable",
        "sandbox",
    },
    domain.QuestionAsked: {"no_undo"},
    domain.QuestionAnswered: {"granted"},
    domain.OutputAppended: {"data", "hidden"},
}  # fmt: skip
ARTIFACTS: list[Any] = [{"path": "d/x", "size": 5, "sha256": "0f", "mode": 0o644}]
FACTS = get_args(domain.Event)


def sample(kind: type[msgspec.Struct]) -> Any:
    if kind is domain.ArtifactsKept:
        files = [domain.Artifact(**file) for file in ARTIFACTS]
        return domain.ArtifactsKept(SAMPLE["at"], SAMPLE["step"], 2, files, 4096, 3, "why")
    return kind(**{name: SAMPLE[name] for name in kind.__struct_fields__ if name in SAMPLE})


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_every_fact_reaches_the_wire_with_every_field(kind):
    event = sample(kind)
    sent = EventConverter()(Recorded(9, "run1", 4, event))
    shown = msgspec.to_builtins(sent)
    assert (shown["type"], shown["position"], shown["run"]) == (
        kind.__struct_config__.tag,
        9,
        "run1",
    )
    for name in set(kind.__struct_fields__) - NOT_SENT.get(kind, set()):
        expected = ARTIFACTS if (kind, name) == (domain.ArtifactsKept, "files") else SAMPLE[name]
        assert shown[name] == expected
    assert wire.decode_event(msgspec.json.decode(msgspec.json.encode(sent))) == sent


def test_the_wire_knows_no_fact_that_does_not_exist():
    assert {str(kind.__struct_config__.tag) for kind in FACTS} == set(wire.EVENT_TYPES)


def test_what_is_derived():
    convert = EventConverter()
    started = convert(Recorded(1, "r", 1, sample(domain.RunStarted)))
    asked = convert(Recorded(2, "r", 2, sample(domain.QuestionAsked)))
    no_undo = msgspec.structs.replace(sample(domain.QuestionAsked), no_undo=True)
    written = convert(Recorded(3, "r", 3, sample(domain.OutputAppended)))
    assert (started.name, started.steps) == ("story", ["a", "b"])
    assert asked.answers == ["yes", "no", "retry", "skip", "undo"]
    assert convert(Recorded(2, "r", 2, no_undo)).answers == ["yes", "no", "retry", "skip"]
    assert written.text == "text"


def test_an_unknown_event_is_none_and_a_malformed_one_an_error():
    assert wire.decode_event({"type": "from_the_future", "position": 1}) is None
    with pytest.raises(msgspec.ValidationError):
        wire.decode_event({"type": "run_parked", "position": "x"})


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.data())
def test_characters_split_between_chunks_come_out_whole(text, data):
    raw, text_of, found = text.encode(), OutputText(), ""
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        found += text_of.decode(output(raw[:size]))
        raw = raw[size:]
    assert found == text


def test_scripts_and_streams_do_not_mix():
    text_of = OutputText()
    euro = "€".encode()
    assert text_of.decode(output(euro[:1])) == ""
    assert text_of.decode(output(b"x", stream="stderr")) == "x"
    assert text_of.decode(output(b"y", step="b")) == "y"
    assert text_of.decode(output(b"z", attempt=2)) == "z"
    assert text_of.decode(output(euro[1:])) == "€"


def test_bytes_that_are_not_utf8_are_shown_as_such():
    assert OutputText().decode(output(b"a\xff\xfeb")) == "a\ufffd\ufffdb"


def test_nothing_is_put_together_across_missing_bytes():
    text_of = OutputText()
    euro = "€".encode()
    assert text_of.decode(output(euro[:2])) == ""
    assert text_of.decode(output(euro[2:] + b"x", skipped=10)) == "\ufffdx"
