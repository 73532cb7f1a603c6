"""A workflow as JSON-shaped data and as a readable file."""

import re
from typing import Any

import msgspec
import yaml

from flowd.domain.workflow import MAX_SCRIPT_BYTES, Workflow

# Characters that mean themselves in every YAML style; the other ones need escapes.
_ORDINARY = re.compile(
    r"[\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)
_TRUTHS_ELSEWHERE = frozenset({"on", "off", "yes", "no", "y", "n"})
_ORDER = ("flow", "name", "description", "inputs", "env", "cwd", "defaults", "steps")


def to_object(workflow: Workflow) -> dict[str, object]:
    """Give the workflow in the JSON shape of the language, what equals a default left out."""
    shaped: dict[str, object] = msgspec.to_builtins(workflow)
    if not shaped["defaults"]:
        del shaped["defaults"]
    return shaped


def to_yaml(workflow: Workflow) -> str:
    """Write the workflow as a file people like to read; reading it again gives an equal one."""
    shaped = to_object(workflow)
    written: str = yaml.dump(
        {key: shaped[key] for key in _ORDER if key in shaped},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=MAX_SCRIPT_BYTES,  # a folded command is hard to read and to copy
    )
    return written


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks, short lists in one line, list items indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if _ORDINARY.fullmatch(text) is None:
        style = '"'
    elif "\n" in text:
        style = "|" if all(line == line.rstrip(" ") for line in text.split("\n")) else '"'
    elif text.lower() in _TRUTHS_ELSEWHERE:
        style = '"'  # text for us, and for whoever reads the file with another library
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    short = all(isinstance(item, str | int | float) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
