"""What can be shown of an answer while a model writes it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from flowd.suggest.providers.base import Unfinished

_LIST = re.compile(r'"(?:a|suggestions)"\s*:\s*\[')
_PREVIEWED_CHARACTERS = 300  # of a script that is being written


def complete_part(text: str) -> tuple[str, Unfinished | None]:
    """Split a half-written answer: its finished suggestions as JSON, and the one being written.

    The JSON is "" while nothing is finished.
    """
    begun = _LIST.search(text)
    if begun is None:
        return "", None
    finished: list[Any] = []
    decoder = json.JSONDecoder()
    at = _next_item(text, begun.end())
    while at < len(text) and text[at] == "{":
        try:
            item, at = decoder.raw_decode(text, at)
        except ValueError:
            break
        finished.append(item)
        at = _next_item(text, at)
    written = _unfinished(text[at:]) if text[at : at + 1] == "{" else None
    return json.dumps({"a": finished}) if finished else "", written


def _next_item(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _unfinished(text: str) -> Unfinished | None:
    """Show what can be read of an object that is not closed yet; None when that is nothing."""
    import jiter  # only where models are asked

    try:
        found = jiter.from_json(text.encode(), partial_mode=True)
    except ValueError:
        return None
    if not isinstance(found, Mapping):
        return None
    steps = found.get("s", found.get("steps"))
    begun = [
        step.get("r", step.get("run"))
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, Mapping)
    ]
    scripts = [script[:_PREVIEWED_CHARACTERS] for script in begun if isinstance(script, str)]
    title = found.get("t", found.get("title"))
    if not isinstance(title, str) and not scripts:
        return None
    return Unfinished(title if isinstance(title, str) else "", scripts)
