"""Compress what finished runs leave, with a dictionary of what runs have in common.

A run of a few short steps is too short to repeat itself, so plain compression finds little in it.
A dictionary (`dictionaries/NNNN.zdict`, made by `tests/golden/make_dictionary.py`) takes a fifth
off. zlib does this as well as zstd does for such short texts, and is part of Python.

Dictionaries are never changed: what was packed with one needs it for ever. Packed bytes name
theirs by its checksum, as RFC 1950 has it, so a newer one can be added at any time; bytes of
releases that knew none name none.
"""

import zlib
from pathlib import Path


def _load() -> list[bytes]:
    """Give every dictionary, the newest last."""
    folder = Path(__file__).with_name("dictionaries")
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".zdict")),
        key=lambda entry: entry.name,
    )
    return [entry.read_bytes() for entry in entries]


_ALL = _load()
_NEWEST = _ALL[-1]
_BY_CHECKSUM = {zlib.adler32(dictionary).to_bytes(4, "big"): dictionary for dictionary in _ALL}
_HAS_DICTIONARY = 0x20  # in the second byte


def pack(plain: bytes) -> bytes:
    """Compress with the newest dictionary."""
    packer = zlib.compressobj(zdict=_NEWEST)
    return packer.compress(plain) + packer.flush()


def unpack(packed: bytes) -> bytes:
    """Turn `pack` round, whatever release did it; zlib.error when the bytes are damaged."""
    if len(packed) < 6 or not packed[1] & _HAS_DICTIONARY:
        return zlib.decompress(packed)
    dictionary = _BY_CHECKSUM.get(packed[2:6])
    if dictionary is None:
        raise zlib.error("it was packed with a dictionary that this Flow does not have")
    unpacker = zlib.decompressobj(zdict=dictionary)
    plain = unpacker.decompress(packed)
    if not unpacker.eof or unpacker.unused_data:
        raise zlib.error("its end is missing, or followed by something else")
    return plain
