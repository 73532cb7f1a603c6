"""What is known of a script before it runs: what it uses, does, would take away, stumbles over."""

from typing import Literal

from msgspec import Struct

from flowd.domain.events import ScriptKind


class Loss(Struct, frozen=True):
    """What a command would take away, so that it can be counted.

    `names` are paths and patterns of files, as seen from the command's folder, or branches; for
    rows the file of an SQLite database and a table in it.
    """

    kind: Literal["files", "changes", "untracked", "commits", "stashes", "rows"]
    names: tuple[str, ...] = ()


class Use(Struct, frozen=True):
    """A program that a script calls on this machine, with the run's PATH.

    `arguments` are its words as far as they are known: `UNSEEN` stands where one is not. `certain`:
    it is called, nothing asks before whether it is there, and the script fails without it.
    `moved`: it is called in another folder than the script began in.
    """

    program: str
    arguments: tuple[str, ...]
    span: tuple[int, int]
    certain: bool
    moved: bool = False


UNSEEN = "\ue000"
"""Stands for a text that only the run will know; no ordinary script contains this character."""


EffectKind = Literal["writes", "deletes", "network", "privilege", "unknown"]


class Effect(Struct, frozen=True):
    """What a script will do, as far as its text tells: a path, a host, a way to another user.

    `unknown` names a program of which nobody knows what it does.
    """

    kind: EffectKind
    what: str


ObstacleKind = Literal[
    "program", "flag", "variable", "folder", "disk", "file", "permission", "git", "secret"
]


class Obstacle(Struct, frozen=True):
    """Why a step may not work here, known before the first one runs.

    An `error` is certain, so nothing is started; a `warning` is said. `span` is in the script.
    """

    step: str
    script: ScriptKind
    kind: ObstacleKind
    severity: Literal["error", "warning"]
    message: str
    cure: str = ""
    span: tuple[int, int] = (0, 0)
