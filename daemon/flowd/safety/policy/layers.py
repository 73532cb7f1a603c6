"""Several policy files together: for each command, which rules count.

Within one file, a rule that is narrower than another one is its exception and wins; otherwise the
strictest counts. Between files the strictest counts, so no file loosens what another one says.
Only the user's own file lifts questions that the built-in rules would ask; nothing lifts what they
block.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from flowd.domain.boundaries import Boundaries
from flowd.domain.ports import Finding
from flowd.safety.command import Command
from flowd.safety.paths import plain_path
from flowd.safety.policy.facts import Given
from flowd.safety.policy.reading import Kind, Layer
from flowd.safety.policy.rules import Rule, narrower
from flowd.safety.state import HOME
from flowd.safety.syntax import Span

_WHOSE: dict[Kind, str] = {
    "administrator": "The administrator's policy",
    "user": "Your policy",
    "project": "This project's policy",
}


class Ruling(Struct, frozen=True):
    """What the files say of one command; `allowed` by this rule, the user asks no questions."""

    findings: tuple[Finding, ...] = ()
    allowed: Rule | None = None


class Policy(Struct, frozen=True):
    """Layers with absolute globs, of rules that hold now. Make it with `policy_for`."""

    layers: tuple[Layer, ...] = ()

    def judge(self, command: Command, folder: str) -> Ruling:
        """Say what the files ask for when a command runs in a folder ("" when unknown)."""
        findings: list[Finding] = []
        allowed = None
        given = Given(command, folder)
        for layer in self.layers:
            counting = decide(layer.rules, given)
            objections = [rule for rule in counting if rule.verdict != "allow"]
            findings += [finding_of(rule, layer.kind, command.span) for rule in objections]
            if counting and not objections and layer.kind == "user":
                allowed = counting[0]
        return Ruling(tuple(findings), allowed)

    @property
    def bounded(self) -> tuple[Layer, ...]:
        """The layers that draw boundaries."""
        return tuple(layer for layer in self.layers if layer.lines)


def decide(rules: Iterable[Rule], given: Given) -> list[Rule]:
    """Give the rules of one file that count for a command: those without a narrower exception.

    Only a rule that is certainly about the command is an exception to another.
    """
    matched = [
        (rule, match)
        for rule in rules
        if (match := rule.match(given)) == "yes" or (match == "perhaps" and rule.counts_perhaps)
    ]
    certain = [rule for rule, match in matched if match == "yes"]
    return [
        rule for rule, _ in matched if not any(narrower(exception, rule) for exception in certain)
    ]


def finding_of(rule: Rule, kind: Kind, span: Span) -> Finding:
    """Make the finding of a rule that objects."""
    verb = "blocks" if rule.verdict == "block" else "wants to be asked about"
    told = f"{_WHOSE[kind]} {verb} `{rule.text}`."
    return Finding(
        f"policy.{rule.verdict}",
        rule.verdict,
        f"{rule.message} ({told})" if rule.message else told,
        span,
        rule.safer,
        source=str(rule.place),
    )


def policy_for(layers: Iterable[Layer], cwd: str | None, moment: datetime) -> Policy:
    """Put files together for a run in a folder, at a moment of local time."""
    homes = (HOME, str(Path.home()))
    return Policy(tuple(_resolved(layer, cwd or "", homes, moment) for layer in layers))


def boundaries_for(layers: Iterable[Layer], cwd: str) -> tuple[Boundaries, ...]:
    """Give what each file that draws boundaries draws for a run in a folder: real places."""
    drawing = [layer for layer in layers if layer.lines]
    if not drawing:  # as in most folders, and it is asked for every run
        return ()
    home = str(Path.home())
    return tuple(_boundaries(layer, cwd, (home,)) for layer in drawing)


def holding(layers: Iterable[Layer], moment: datetime) -> tuple[bool, ...]:
    """Which of the rules with `when:` hold: two moments with the same are judged alike."""
    return tuple(
        rule.when.holds(moment) for layer in layers for rule in layer.rules if rule.when is not None
    )


def _resolved(layer: Layer, cwd: str, homes: Sequence[str], moment: datetime) -> Layer:
    """Make globs absolute, and leave out what does not hold at the moment."""
    folder = _start(layer, cwd)
    rules = tuple(
        replace(rule, paths=tuple(_globs(rule.paths, folder, homes, whole=rule.verdict != "allow")))
        if rule.paths
        else rule
        for rule in layer.rules
        if rule.when is None or rule.when.holds(moment)
    )
    return replace(layer, rules=rules, boundaries=_boundaries(layer, cwd, homes))


def _start(layer: Layer, cwd: str) -> str:
    """Give the folder that relative paths of a file start in."""
    return str(Path(layer.path).parent.parent) if layer.kind == "project" else cwd


def _boundaries(layer: Layer, cwd: str, homes: Sequence[str]) -> Boundaries:
    drawn, folder = layer.boundaries, _start(layer, cwd)
    return Boundaries(
        writable=_bounds(drawn.writable, folder, homes),
        readable=_bounds(drawn.readable, folder, homes),
        network=drawn.network,
        privilege=drawn.privilege,
    )


def _bounds(
    globs: tuple[str, ...] | None, folder: str, homes: Sequence[str]
) -> tuple[str, ...] | None:
    return None if globs is None else tuple(_globs(globs, folder, homes, whole=True))


def _globs(
    globs: tuple[str, ...], folder: str, homes: Sequence[str], *, whole: bool
) -> Iterator[str]:
    """Absolute globs; for the judge `~` is both the home that it makes up and the real one.

    `whole`: a name without `*`, `?`, `[` may be a folder's, and means all that is in it.
    """
    for glob in globs:
        for each in dict.fromkeys(homes):
            if glob == "~" or glob.startswith("~/"):
                absolute = plain_path(each + glob[1:])
            else:
                absolute = plain_path(glob, folder)
            named = not any(mark in absolute.rpartition("/")[2] for mark in "*?[")
            yield f"{absolute.rstrip('/')}/**" if whole and named else absolute
            if not glob.startswith("~"):
                break
