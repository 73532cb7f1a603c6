"""From a model's text to drafts. Nothing in the text is trusted, its form least of all."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from flowd.domain.parse import workflow_from_object
from flowd.errors import InvalidWorkflow, ProviderFailed
from flowd.suggest.providers.base import Draft, Question
from flowd.suggest.providers.model_prompt import question_text

MOST_SUGGESTIONS = 5
MOST_STEPS = 30
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]+")
_SENTENCE_CHARACTERS = 200
_NEXT = 0.9  # of the confidence in the answer before
_OF_AN_ANSWER = {"t": "title", "s": "steps", "i": "inputs"}
_OF_A_STEP = {"r": "run", "u": "undo", "c": "confirm"}


class Turn(msgspec.Struct, frozen=True):
    """One message of the conversation; `role` is user or assistant."""

    role: Literal["user", "assistant"]
    text: str


Ask = Callable[[list[Turn]], Awaitable[str]]
"""Sends a conversation to the model and gives its whole text. ProviderFailed when it cannot."""


async def ask_for_drafts(
    ask: Ask, question: Question, provider: str, confidence: float = 0.5
) -> list[Draft]:
    """Ask, read the answer, and ask once more when nothing in it is usable.

    `confidence` is that of a first answer; what a model claims itself means nothing.
    ProviderFailed when the second answer is no better.
    """
    turns = [Turn("user", question_text(question))]
    text = await ask(turns)
    drafts, complaint = read_answer(text)
    if drafts:
        return weighed(drafts, confidence)
    turns += [
        Turn("assistant", text[:8000] or "(nothing)"),
        Turn("user", f"That cannot be used: {complaint}. Answer again, with the JSON object only."),
    ]
    drafts, complaint = read_answer(await ask(turns))
    if not drafts:
        raise ProviderFailed(
            f"{provider} answered twice with nothing usable: {complaint}",
            cure="try again, or another model",
        )
    return weighed(drafts, confidence)


def weighed(drafts: list[Draft], confidence: float) -> list[Draft]:
    """Give drafts the confidence of their place: `confidence` is that of the first."""
    return [
        replace(draft, confidence=confidence * _NEXT**place) for place, draft in enumerate(drafts)
    ]


def read_answer(text: str) -> tuple[list[Draft], str]:
    """Give the valid drafts in a model's text, and a complaint about the first thing that is not.

    An answer that says there is nothing to suggest gives neither.
    """
    found = find_object(text)
    if found is None:
        return [], "there is no JSON object in it"
    listed = found.get("a", found.get("suggestions"))
    if listed is None and ("s" in found or "steps" in found):
        listed = [found]
    if not isinstance(listed, list):
        return [], '"a" is not a list of answers'
    drafts, complaint = [], "it has no suggestions"
    for item in listed[:MOST_SUGGESTIONS]:
        try:
            drafts.append(_draft(item))
        except InvalidWorkflow as error:
            problems = error.data.get("problems") or [{"message": error.message}]
            complaint = str(problems[0].get("message", error.message))
        except ValueError as error:
            complaint = str(error)
    return drafts, complaint


def find_object(text: str) -> dict[str, Any] | None:
    """Find the JSON object in text: bare, in a code fence, or in the middle of prose."""
    candidates = [text, *_FENCE.findall(text)]
    start, end = text.find("{"), text.rfind("}")
    if start >= 0 and end > start:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        try:
            return msgspec.json.decode(candidate.strip(), type=dict[str, Any])
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
    return None


def _draft(item: object) -> Draft:
    if not isinstance(item, Mapping):
        raise ValueError("a suggestion is not an object")
    item = _spelled_out(item, _OF_AN_ANSWER)
    steps = item.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ValueError("a suggestion has no steps")
    title = _sentence(item.get("title")) or "Workflow"
    workflow: dict[str, Any] = {
        "flow": 1,
        "name": _NOT_IN_AN_ID.sub("-", title.lower()).strip("-")[:60] or "workflow",
        "steps": [_step(step, number) for number, step in enumerate(steps[:MOST_STEPS], 1)],
    }
    if why := _sentence(item.get("why")):
        workflow["description"] = why
    inputs = item.get("inputs")
    if isinstance(inputs, Mapping) and inputs:
        workflow["inputs"] = {str(name): _input(given) for name, given in inputs.items()}
    return Draft(
        title=title,
        workflow=workflow_from_object(workflow),
        explanation=_sentence(item.get("why")),
    )


def _spelled_out(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Give short keys their long names: a model may use either."""
    return {names.get(key, key): value for key, value in given.items()}


def _step(step: object, number: int) -> dict[str, Any]:
    if isinstance(step, str):
        step = {"run": step}
    step = _spelled_out(step, _OF_A_STEP) if isinstance(step, Mapping) else {}
    if not isinstance(step.get("run"), str):
        raise ValueError(f'step {number} has no command in "r"')
    wanted = _NOT_IN_AN_ID.sub("-", str(step.get("id") or "")).strip("-")[:60]
    plain: dict[str, Any] = {
        "id": wanted if wanted[:1].isalpha() else f"step{number}",
        "run": step["run"],
    }
    for key in ("undo", "confirm"):
        value = step.get(key)
        if isinstance(value, str) and value.strip():
            plain[key] = value
    return plain


def _input(given: object) -> dict[str, Any]:
    """Any kind of description becomes a text input; an empty default is no default."""
    if not isinstance(given, Mapping):
        return {"default": str(given)} if given not in (None, "") else {}
    plain: dict[str, Any] = {}
    if description := _sentence(given.get("description")):
        plain["description"] = description
    if (default := given.get("default")) not in (None, ""):
        plain["default"] = str(default)
    return plain


def _sentence(value: object) -> str:
    """Text made fit for one line: no control characters, bounded."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[
        :_SENTENCE_CHARACTERS
    ]
