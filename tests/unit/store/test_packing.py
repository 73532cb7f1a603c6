"""Packed bytes: small, readable for ever, and never wrong without a word."""

import zlib
from hashlib import sha256
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.domain.events import Event
from flowd.store.codec import encode_event, join_batch
from flowd.store.packing import pack, unpack
from support.histories import run_finished, step_finished, step_output, step_started

# A released dictionary is never edited: rows were packed with it. A new one gets a new line here.
RELEASED = {"0001.zdict": "e14034afb3e7a96c"}

EVENTS: list[Event] = [step_output(b"42 passed in 0.12s"), step_finished(), run_finished()]
PLAIN = join_batch([encode_event(event).body for event in [step_started(), *EVENTS]])


def test_released_dictionaries_are_as_they_were() -> None:
    found = {
        entry.name: sha256(entry.read_bytes()).hexdigest()[:16]
        for entry in (files("flowd.store") / "dictionaries").iterdir()
        if entry.name.endswith(".zdict")
    }
    assert found == RELEASED


@given(st.binary(max_size=300))
def test_unpacking_turns_packing_round(plain: bytes) -> None:
    assert unpack(pack(plain)) == plain
    assert unpack(pack(plain * 300)) == plain * 300


@given(st.binary(max_size=300))
def test_what_was_packed_without_a_dictionary_is_read(plain: bytes) -> None:
    assert unpack(zlib.compress(plain)) == plain


def test_the_dictionary_halves_a_short_history() -> None:
    assert len(pack(PLAIN)) < 0.7 * len(zlib.compress(PLAIN, 9))


@pytest.mark.parametrize("length", range(len(pack(PLAIN))))
def test_what_is_cut_off_is_an_error(length: int) -> None:
    with pytest.raises(zlib.error):
        unpack(pack(PLAIN)[:length])


@pytest.mark.parametrize("at", range(len(pack(PLAIN))))
def test_what_is_changed_is_an_error(at: int) -> None:
    changed = bytearray(pack(PLAIN))
    changed[at] ^= 0x55
    with pytest.raises(zlib.error):
        unpack(bytes(changed))


def test_what_follows_is_an_error() -> None:
    with pytest.raises(zlib.error):
        unpack(pack(PLAIN) + b"more")


def test_a_dictionary_of_a_newer_flow_is_an_error() -> None:
    packer = zlib.compressobj(zdict=b"one that is not here")
    with pytest.raises(zlib.error, match="does not have"):
        unpack(packer.compress(PLAIN) + packer.flush())
