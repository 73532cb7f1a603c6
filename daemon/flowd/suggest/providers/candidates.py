"""Several plain commands of one model: the first is its most likely, others are drawn, all vote.

They are asked for one after the other: a server that has read the prompt once need not read it
again, every server can do it, and the first answer is there as soon as ever. A model that said
nothing usable is asked anew rather than told so: a small one repeats itself.
"""

import logging
from collections.abc import Sequence

import trio
from msgspec.structs import replace

from flowd.domain.workflow import Workflow
from flowd.errors import ProviderFailed
from flowd.suggest.providers.base import Draft, Question, Silence
from flowd.suggest.providers.model_answer import Turn, read_answer
from flowd.suggest.providers.model_prompt import LIKELY_RIGHT, plain_text
from flowd.suggest.providers.plain_answer import read_plain
from flowd.suggest.reliability.calling import Caller
from flowd.suggest.shape import shape_of, shape_of_scripts

MOST_LIKELY = 0.0
"""The temperature at which a model says what it holds most likely."""
DRAWN = 0.8
MARGIN_SECONDS = 0.25  # before the deadline, so that what there is is an answer in time

_logger = logging.getLogger(__name__)
_AGREED = 0.2  # of the confidence is added when all are alike
_NEXT = 0.8  # of the confidence in the one before


async def ask_for_commands(caller: Caller, question: Question) -> list[Draft]:
    """Give the model's commands, best first: as many as the endpoint says and there is time for.

    ProviderFailed when none of them is usable. What fails later takes nothing away.
    """
    endpoint = caller.endpoint
    turns = [Turn("user", plain_text(question))]
    text = await caller.ask(turns, question, temperature=MOST_LIKELY)
    said, complaint = _read(text, question.task)
    if is_settled(question, said):
        return elected(said, endpoint.confidence)
    account = question.account and replace(question.account, why="another")
    quiet = replace(question, listener=Silence(), account=account)
    with trio.move_on_at(question.deadline - MARGIN_SECONDS):
        for _ in range(max(endpoint.candidates - 1, 0 if said else 1)):
            if said:
                question.listener.wrote(elected(said, endpoint.confidence))
            try:
                text = await caller.ask(turns, quiet, temperature=DRAWN)
            except ProviderFailed as error:
                if not said:
                    raise
                _logger.info("no further candidates: %s", error.message)
                break
            drafts, complaint = _read(text, question.task)
            said += drafts
    if not said:
        raise ProviderFailed(
            f"{endpoint.name} answered with nothing usable: {complaint}",
            cure="try again, or another model",
        )
    return elected(said, endpoint.confidence)


def _read(text: str, task: str) -> tuple[list[Draft], str]:
    """Give the command in a text, or answers in JSON all the same; else a complaint."""
    drafts, _ = read_answer(text)
    return (drafts, "") if drafts else read_plain(text, task)


def is_settled(question: Question, drafts: Sequence[Draft]) -> bool:
    """Whether others could change little: a recipe goes before them, or says the same."""
    if not drafts or not question.retrieved:
        return False
    known = question.retrieved[0]
    return known.confidence >= LIKELY_RIGHT or _shape(known) == _shape(drafts[0])


def elected(drafts: Sequence[Draft], confidence: float) -> list[Draft]:
    """Put like ones together, those most often said first, the first one before its equals.

    `confidence` is that of a single answer; the more of several agree, the more of it.
    """
    alike: dict[str, list[Draft]] = {}
    for draft in drafts:
        alike.setdefault(_shape(draft), []).append(draft)
    groups = sorted(alike.values(), key=lambda group: -len(group))
    if len(drafts) > 1:
        confidence *= 1 + _AGREED * len(groups[0]) / len(drafts)
    return [
        replace(group[0], confidence=confidence * _NEXT**place)
        for place, group in enumerate(groups)
    ]


def _shape(draft: Draft) -> str:
    """Give what makes two drafts the same; retrieved ones are not read yet."""
    if isinstance(draft.workflow, Workflow):
        return shape_of(draft.workflow)
    steps = draft.workflow.get("steps") or ()
    return shape_of_scripts(str(step.get("run", "")) for step in steps)
