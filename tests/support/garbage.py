"""Measuring one thing in a process that holds a lot of others."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def nothing_else_in_memory() -> Iterator[None]:
    """What other tests left behind costs every collection of garbage time: have it passed over."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
