"""Scripts explained by the manuals of this machine, in bounded time."""

from collections.abc import Awaitable, Callable

import trio
from msgspec.structs import replace

from flowd.domain.workflow import Shell
from flowd.exec.descriptions import describe
from flowd.exec.option_texts import Manual
from flowd.explain.reading import CommandText, Key, Reading, read_script

MOST_SECONDS = 6.0  # for all manuals of a script; some programs take a second to tell their options
AT_ONCE = 4  # manuals read, or programs asked, side by side

Imported = Callable[[str], Awaitable[str]]
"""Gives what the user's imported pages say that a program is for; "" for nothing."""


async def explain(
    script: str,
    shell: Shell,
    *,
    path: str,
    aside: str,
    imported: Imported | None = None,
    seconds: float = MOST_SECONDS,
) -> Reading:
    """Explain a script: what each part means, with a sentence for every command and the whole.

    `path` is where programs are looked for, `aside` the folder whose programs are never started.
    What could not be looked up within `seconds` is not explained, and the reading not `complete`.
    """
    if shell == "python":
        return _python(script)

    async def find(program: str, parts: tuple[str, ...]) -> Manual:
        manual = await describe(program, parts, path=path, aside=aside)
        if manual.about or imported is None:
            return manual
        about = await imported(" ".join((program, *parts)))
        return replace(manual, source=manual.source or "imported", about=about) if about else manual

    known: dict[Key, Manual] = {}
    with trio.move_on_after(seconds):
        while True:
            reading = await trio.to_thread.run_sync(read_script, script, known)
            if not reading.wanted:
                return reading
            await _look_up(reading.wanted, known, find)
    reading = await trio.to_thread.run_sync(read_script, script, known)
    return replace(reading, complete=False)


async def _look_up(
    wanted: set[Key],
    known: dict[Key, Manual],
    find: Callable[[str, tuple[str, ...]], Awaitable[Manual]],
) -> None:
    limit = trio.CapacityLimiter(AT_ONCE)

    async def one(key: Key) -> None:
        async with limit:
            known[key] = await find(*key)

    async with trio.open_nursery() as nursery:
        for key in sorted(wanted):
            nursery.start_soon(one, key)


def _python(script: str) -> Reading:
    lines = sum(1 for line in script.splitlines() if line.strip())
    sentence = f"Runs a Python script of {lines} line{'s' * (lines != 1)}."
    whole = (0, len(script))
    return Reading(sentence, [CommandText(whole, "python", sentence, "", "")], complete=False)
