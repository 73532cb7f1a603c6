"""From exceptions to the wire: the table is total, and nothing an error holds can break it."""

import json
import logging

import pytest

from flowd import errors as e
from flowd.server.errors import WIRE_CODES, ProtocolError, encode_error, error_object
from flowproto import codes


def tree(root: type[e.FlowError]) -> list[type[e.FlowError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in tree(child))]


FLOWD_KINDS = [kind for kind in tree(e.FlowError) if kind.__module__.startswith("flowd.")]


def made(kind: type[e.FlowError]) -> e.FlowError:
    if kind is e.InvalidWorkflow:
        return e.InvalidWorkflow("bad", [{"line": 1}])
    if kind is e.TokenTaken:
        return e.TokenTaken("r1")
    return kind("what happened", cure="what to do", data={"detail": 1})


def test_the_tree_is_seen_whole():
    assert {e.TokenTaken, e.InvalidWorkflow, e.Bug, e.ProviderFailed} <= set(FLOWD_KINDS)


@pytest.mark.parametrize("kind", FLOWD_KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_wire_code_of_the_same_name(kind):
    own = next(known for known in kind.__mro__ if known in WIRE_CODES)
    assert own.code == kind.code, f"{kind.__name__} has a new code: give it a row in WIRE_CODES"
    answer = error_object(made(kind))
    assert answer.code == WIRE_CODES[own]
    assert codes.ERRORS[answer.code].name == answer.data["code"] == kind.code
    assert "cure" in answer.data


def test_wire_codes_are_named_once_each():
    numbers = {value for name, value in vars(codes).items() if name.isupper() and name != "ERRORS"}
    assert numbers == set(codes.ERRORS)
    assert len({kind.name for kind in codes.ERRORS.values()}) == len(codes.ERRORS)


def test_details_travel_and_cannot_hide_the_name():
    answer = error_object(e.NotFound("gone", cure="look", data={"run": "r", "code": "fake"}))
    assert answer.data == {"run": "r", "code": "not_found", "cure": "look"}


@pytest.mark.parametrize("bug", [e.Bug("impossible"), ZeroDivisionError("1/0"), KeyError("x")])
def test_a_bug_is_logged_with_its_traceback_and_answered(bug, caplog):
    with caplog.at_level(logging.ERROR, "flowd.server"):
        with pytest.raises(type(bug)) as caught:
            raise bug
        answer = error_object(caught.value)
    assert (answer.code, answer.data["code"]) == (codes.BUG, "bug")
    [record] = caplog.records
    assert record.exc_info[2] is not None


def test_an_error_out_of_a_nursery_is_the_error_itself():
    group = ExceptionGroup("nursery", [ExceptionGroup("inner", [e.NotFound("gone")])])
    assert error_object(group).code == codes.NOT_FOUND


def test_several_errors_at_once_are_a_bug(caplog):
    assert error_object(ExceptionGroup("two", [e.NotFound("a"), e.Conflict("b")])).code == codes.BUG


def test_a_protocol_error_has_the_same_shape():
    answer = error_object(ProtocolError(codes.BUSY, "full", cure="later"))
    assert (answer.code, answer.data) == (codes.BUSY, {"code": "busy", "cure": "later"})


@pytest.mark.parametrize(
    "error",
    [
        e.NotFound("no \udcff", cure="rename \udcff"),
        e.NotFound("no", data={"path": "\udcff"}),
        e.NotFound("no", data={"what": object()}),
        e.NotFound("no", data={"deep": {"what": {1j}}}),
    ],
)
def test_what_json_cannot_hold_is_left_out_rather_than_the_answer(error, caplog):
    answer = json.loads(encode_error(4, error))
    assert (answer["id"], answer["error"]["code"]) == (4, codes.NOT_FOUND)
    assert answer["error"]["data"]["code"] == "not_found"
