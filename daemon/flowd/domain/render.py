"""A workflow as JSON-shaped data and as a readable file."""

import re
from typing import Any

import msgspec
import yaml

from flowd.domain.workflow import Workflow

_LITERAL_BLOCK_SAFE = re.compile(
    r"[\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)


def to_object(workflow: Workflow) -> dict[str, object]:
    """Give the workflow in the JSON shape of the language, what equals a default left out."""
    shaped: dict[str, object] = msgspec.to_builtins(workflow)
    return shaped


def to_yaml(workflow: Workflow) -> str:
    """Write the workflow as a file people like to read; reading it again gives an equal one."""
    written: str = yaml.dump(
        _ordered(to_object(workflow)),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    return written


_ORDER = ("flow", "name", "description", "inputs", "env", "cwd", "defaults", "steps")


def _ordered(shaped: dict[str, object]) -> dict[str, object]:
    return {key: shaped[key] for key in _ORDER if key in shaped}


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks, short lists in one line, list items indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    block = "\n" in text and _LITERAL_BLOCK_SAFE.fullmatch(text) is not None
    block = block and not any(line != line.rstrip(" ") for line in text.split("\n"))
    style = "|" if block else None
    if not block and (text in _CORE_WORDS or "\n" in text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_CORE_WORDS = frozenset({"on", "off", "yes", "no"})


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    short = all(isinstance(item, str | int | float) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
