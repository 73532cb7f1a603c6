"""Reading what a script published."""

import re

import pytest

from flowd.exec.outputs import MAX_BYTES, parse_outputs, read_outputs


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"", {}),
        (b"a=1\n", {"a": "1"}),
        (b"a=1", {"a": "1"}),
        (b"a=1\nb=2\na=3\n", {"a": "3", "b": "2"}),
        (b"empty=\n", {"empty": ""}),
        (b"equation=x=y\n", {"equation": "x=y"}),
        (b"shift=1<<2\n", {"shift": "1<<2"}),
        (b"a= spaces stay \n\n\nb=2\n", {"a": " spaces stay ", "b": "2"}),
        (b"text<<END\none\ntwo=2\n\nEND\nb=2\n", {"text": "one\ntwo=2\n", "b": "2"}),
        (b"text<<END\nEND\n", {"text": ""}),
        (b"text<<END\n ENDED\nEND", {"text": " ENDED"}),
        ("umlaut=ü\n".encode(), {"umlaut": "ü"}),
        (b"bytes=\xff\n", {"bytes": "\ufffd"}),
        (b"windows=1\r\n", {"windows": "1\r"}),
    ],
)
def test_values_are_read(content, values):
    assert parse_outputs(content) == (values, [])


@pytest.mark.parametrize(
    ("content", "values", "words"),
    [
        (b"no value\nb=2\n", {"b": "2"}, "line 1 .*'no value'"),
        (b"a=1\n1st=2\n", {"a": "1"}, "line 2 "),
        (b"a-b=1\n", {}, "line 1 "),
        (
            b"a=1\ntext<<END\nnever closed\n",
            {"a": "1"},
            "line 2 .*no later line says how it ends: .END",
        ),
        (b"a=" + b"x" * MAX_BYTES, {"a": "x" * (MAX_BYTES - 2)}, f"first {MAX_BYTES} bytes"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_is_kept(content, values, words):
    found, problems = parse_outputs(content)
    assert found == values
    assert len(problems) == 1
    assert re.search(words, problems[0])


def test_complaints_go_to_the_stderr_of_the_script(tmp_path):
    (tmp_path / "output").write_bytes(b"good=1\nbad\n")
    (tmp_path / "stderr").write_bytes(b"its own words\n")
    assert read_outputs(str(tmp_path)) == {"good": "1"}
    own, complaint = (tmp_path / "stderr").read_text().splitlines()
    assert own == "its own words"
    assert complaint.startswith("flow: line 2 ")


def test_a_script_that_published_nothing(tmp_path):
    assert read_outputs(str(tmp_path)) == {}
    assert list(tmp_path.iterdir()) == []
