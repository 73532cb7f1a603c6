"""What is known of programs beyond what their manuals say: `programs.yaml`, read once."""

from functools import lru_cache
from pathlib import Path

import msgspec


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program, or a part of one (`git commit`).

    `says` are sentences by the options that must be given, one or several to try; the first that
    fits counts, see `sentences.py`. `operands` are roles in order, a final `...` means any number;
    a mapping has them by options, as `says` has. `number` is what `-20` means. `parts`: its first
    operand is a subcommand. `first`: its first word may be options without a dash. `long`: `-name`
    is one option, not four. `manual` is the page to read instead of its own.

    For machines without the manual: `about` says what the program is for, `values` are options
    that a value follows, `options` what some are for (or such as no manual lists by themselves).
    """

    says: dict[str, str | list[str]] = {}
    operands: list[str] | dict[str, list[str]] = []
    values: str = ""
    number: str = ""
    options: dict[str, str] = {}
    long: bool = False
    manual: str = ""
    parts: bool = False
    first: bool = False
    about: str = ""


@lru_cache(maxsize=1)
def known_programs() -> dict[str, Program]:
    """Give them by name; a part's name is that of its program, a space, its own."""
    content = (Path(__file__).parent / "programs.yaml").read_bytes()
    return msgspec.yaml.decode(content, type=dict[str, Program])
