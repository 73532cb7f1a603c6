"""What models cost, from the table beside this file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from flowd.domain.usage import Price


def price_of(model: str) -> Price | None:
    """Give the price of a model; None when the table does not know it.

    What stands before a slash (`openai/gpt-5-mini`, as routers say) is no part of the name.
    """
    name = model.rpartition("/")[2]
    known = [each for each in _table() if name == each or name.startswith(f"{each}-")]
    return _table()[max(known, key=len)] if known else None


@cache
def _table() -> Mapping[str, Price]:
    text = (files("flowd.suggest.providers") / "prices.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Price])
