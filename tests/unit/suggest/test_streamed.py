"""What can be shown of an answer that is still being written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from flowd.suggest.providers.base import Unfinished
from flowd.suggest.providers.model_answer import read_answer
from flowd.suggest.providers.streamed import complete_part

ANSWER = json.dumps(
    {
        "a": [
            {"t": "Tag {it}", "s": [{"r": 'git tag "v$version"'}]},
            {"t": "Two", "s": [{"r": "ls"}, {"r": "pwd"}]},
        ]
    }
)


def test_nothing_is_shown_before_there_is_something():
    for text in ("", "Sure! ", '{"a"', '{"a": [', '{"a": [{"t', '{"suggestions": [{"ti'):
        assert complete_part(text) == ("", None)


def test_a_finished_step_is_shown_while_the_next_is_written():
    half = ANSWER[: ANSWER.index('"pwd"') + 2]
    finished, writing = complete_part(half)
    assert [each["t"] for each in json.loads(finished)["a"]] == ["Tag {it}"]
    assert writing == Unfinished("Two", ["ls"])


def test_of_the_whole_answer_nothing_is_unfinished():
    finished, writing = complete_part(f"Here you are:\n```json\n{ANSWER}\n```")
    assert json.loads(finished) == json.loads(ANSWER)
    assert writing is None


def test_long_names_will_do():
    text = '{"suggestions": [{"title": "T", "steps": [{"run": "ls"}, {"run": "pwd"'
    assert complete_part(text) == ("", Unfinished("T", ["ls", "pwd"]))


@given(st.integers(0, len(ANSWER)))
def test_wherever_it_is_cut_whole_suggestions_come_of_it_and_no_others(cut: int):
    finished, _ = complete_part(ANSWER[:cut])
    drafts, complaint = read_answer(finished) if finished else ([], "")
    whole, _ = read_answer(ANSWER)
    assert not drafts or not complaint or complaint == "it has no suggestions"
    assert drafts == whole[: len(drafts)]


@given(st.text(alphabet='{}[]",:\\ suggestionrn0', max_size=60))
def test_no_text_makes_it_stumble(noise: str):
    complete_part('{"a": [' + noise)
    complete_part(noise)
