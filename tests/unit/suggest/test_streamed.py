"""What can be shown of an answer that is still being written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from flowd.suggest.providers.base import Unfinished
from flowd.suggest.providers.model_answer import read_answer
from flowd.suggest.providers.streamed import complete_part

ANSWER = json.dumps(
    {
        "suggestions": [
            {"title": "Tag {it}", "steps": [{"id": "a", "run": 'git tag "v$version"'}]},
            {"title": "Two", "steps": [{"id": "a", "run": "ls"}, {"id": "b", "run": "pwd"}]},
        ]
    }
)


def test_nothing_is_shown_before_there_is_something():
    for text in ("", "Sure! ", '{"suggestions"', '{"suggestions": [', '{"suggestions": [{"ti'):
        assert complete_part(text) == ("", None)


def test_a_finished_step_is_shown_while_the_next_is_written():
    half = ANSWER[: ANSWER.index('"pwd"') + 2]
    finished, writing = complete_part(half)
    assert [each["title"] for each in json.loads(finished)["suggestions"]] == ["Tag {it}"]
    assert writing == Unfinished("Two", ["ls"])


def test_of_the_whole_answer_nothing_is_unfinished():
    finished, writing = complete_part(f"Here you are:\n```json\n{ANSWER}\n```")
    assert json.loads(finished) == json.loads(ANSWER)
    assert writing is None


@given(st.integers(0, len(ANSWER)))
def test_wherever_it_is_cut_whole_suggestions_come_of_it_and_no_others(cut: int):
    finished, _ = complete_part(ANSWER[:cut])
    drafts, complaint = read_answer(finished) if finished else ([], "")
    whole, _ = read_answer(ANSWER)
    assert not drafts or not complaint or complaint == "it has no suggestions"
    assert drafts == whole[: len(drafts)]


@given(st.text(alphabet='{}[]",:\\ suggestionrn0', max_size=60))
def test_no_text_makes_it_stumble(noise: str):
    complete_part('{"suggestions": [' + noise)
    complete_part(noise)
