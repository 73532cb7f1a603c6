"""Fit parts of text into a budget of bytes: whole lines only, and what was cut is said."""

from collections.abc import Sequence

from msgspec import Struct

_ROOM_TO_SAY_SO = 40


class Part(Struct, frozen=True):
    """One source of context. `share` is its weight when there is too little room for all."""

    title: str
    text: str
    share: int = 1


def fit(parts: Sequence[Part], budget_bytes: int) -> list[Part]:
    """Give the parts, cut so that their texts need at most `budget_bytes` together.

    Small parts leave what they do not need to the others. A part no line of which fits is left
    out. Order is kept.
    """
    wanted = [Part(part.title, part.text.strip("\n"), part.share) for part in parts]
    wanted = [part for part in wanted if part.text.strip()]
    room: dict[int, int] = {}
    left = budget_bytes
    weight = sum(part.share for part in wanted)
    smallest_first = sorted(
        range(len(wanted)), key=lambda place: _size(wanted[place].text) / wanted[place].share
    )
    for place in smallest_first:
        part = wanted[place]
        room[place] = min(_size(part.text), left * part.share // weight)
        left -= room[place]
        weight -= part.share
    cut = [Part(p.title, cut_lines(p.text, room[n]), p.share) for n, p in enumerate(wanted)]
    return [part for part in cut if part.text]


def cut_lines(text: str, room_bytes: int) -> str:
    """Give the first lines that fit, with a last line that says how many were left out."""
    if _size(text) <= room_bytes:
        return text
    lines = text.split("\n")
    kept: list[str] = []
    room = room_bytes - _ROOM_TO_SAY_SO
    for line in lines:
        room -= _size(line) + 1
        if room < 0:
            break
        kept.append(line)
    if not kept:
        return ""
    return "\n".join([*kept, f"[{len(lines) - len(kept)} more lines left out]"])


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
