"""Words of a task or a phrase, brought to a common form so that like meanings look alike.

`concepts("Remove the old branches")` and `concepts("deleting an old branch")` are the same list.
"""

import re
from functools import lru_cache

from flowd.suggest.words import CANONICAL, IGNORED, REWRITES

_WORD = re.compile(r"[a-z][a-z0-9+#]*|[0-9]+")
_BRITISH = re.compile(r"(?<=[a-z]{4}[lmntrd])is(?=(?:e[ds]?|ing|ation)$)")
_PATTERNS = [(re.compile(pattern), replacement) for _, pattern, replacement in REWRITES]
_PIECES = [(piece, row) for row, (pieces, _, _) in enumerate(REWRITES) for piece in pieces.split()]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Cut the endings of English inflection; rough, but the same for every form of a word."""
    if len(word) <= 3 or word.isdigit():
        return word
    word = _BRITISH.sub("iz", word)
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and _has_vowel(word, ending):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _has_vowel(word: str, ending: str) -> bool:
    return any(letter in "aeiouy" for letter in word[: -len(ending)])


_BY_STEM = {stem(word): concept for word, concept in CANONICAL.items()}
_IGNORED_STEMS = frozenset(stem(word) for word in IGNORED) | IGNORED


def plain(text: str) -> str:
    """Lower-case the text and rewrite turns of phrase to single words."""
    text = text.lower().replace("’", "'")
    for row in sorted({row for piece, row in _PIECES if piece in text}):
        pattern, replacement = _PATTERNS[row]
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=20_000)
def concept(word: str) -> str:
    """The meaning a lower-case word stands for; empty for words that carry none."""
    if word in CANONICAL:
        return CANONICAL[word]
    stemmed = stem(word)
    if word in IGNORED or stemmed in _IGNORED_STEMS:
        return ""
    return _BY_STEM.get(stemmed, stemmed)


def concepts(text: str) -> list[str]:
    """Give the meanings in a text, in order, each once."""
    found = (concept(word) for word in _WORD.findall(plain(text)))
    return list(dict.fromkeys(meaning for meaning in found if meaning and not meaning.isdigit()))
