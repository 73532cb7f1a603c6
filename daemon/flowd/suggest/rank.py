"""Puts proposals in order: how relevant, how sure, how safe, and whether they can run here."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from msgspec import Struct

from flowd.domain.foresight import Obstacle
from flowd.domain.ports import Reversibility, StepJudgement, Verdict
from flowd.domain.preview import strictest
from flowd.domain.workflow import Workflow
from flowd.suggest.context import KNOWN_PROGRAMS, Context
from flowd.suggest.learning.favour import Factor
from flowd.suggest.shape import shape_of
from flowd.suggest.text import concepts

_SAFETY: dict[Verdict, float] = {"allow": 1.0, "confirm": 0.97, "block": 0.1}
_VERDICTS: dict[Verdict, str] = {
    "allow": "is safe",
    "confirm": "needs your confirmation",
    "block": "is blocked",
}
_REVERSIBILITY: dict[Reversibility, float] = {
    "reversible": 1.0,
    "saved": 0.99,
    "compensable": 0.99,
    "irreversible": 0.97,
}
_SURELY_RELEVANT = 0.8  # of a proposal whose title shares no word with the task
_PROGRAM_MISSING = 0.95
_INPUT_MISSING = 0.98
_OPTION_UNKNOWN = 0.85
_AGREEMENT = 1.04
_SAME = 0.93
_WORD = re.compile(r"(?:^|[\n;|&(])\s*(?:sudo\s+)?([a-z][\w.+-]*)")


class Candidate(Struct, frozen=True):
    """A valid, judged proposal on its way to becoming a suggestion."""

    title: str
    explanation: str
    provider: str
    workflow: Workflow
    confidence: float
    judged: list[StepJudgement]
    missing: list[str]
    matched: bool = False
    obstacles: list[Obstacle] = []
    phrase: str = ""
    reasons: list[str] = []

    @property
    def verdict(self) -> Verdict:
        """The strictest over all steps."""
        return strictest(self.judged)


def factors(candidate: Candidate, task: str, context: Context) -> Iterator[Factor]:
    """Give what a score is made of, each figure from 0 to 1 with its reason."""
    sure = max(0.0, min(1.0, candidate.confidence))
    if candidate.phrase:
        yield Factor(sure, f"matches “{candidate.phrase}” ({sure:.2f})")
    else:
        fit = relevance(task, candidate)
        yield Factor(fit * sure, f"{candidate.provider} is sure of it ({sure:.2f})")
    safe = _SAFETY[candidate.verdict]
    yield Factor(safe, f"{_VERDICTS[candidate.verdict]}: x{safe:.2f}" if safe < 1 else "")
    back = min((_REVERSIBILITY[step.reversibility] for step in candidate.judged), default=1.0)
    irreversible = back == _REVERSIBILITY["irreversible"]
    yield Factor(back, f"could not be undone: x{back:.2f}" if irreversible else "")
    usable = applicability(candidate, context)
    yield Factor(usable, f"lacks a program or a value: x{usable:.2f}" if usable < 1 else "")


def score(candidate: Candidate, task: str, context: Context, past: Iterable[Factor] = ()) -> float:
    """Give a figure from 0 on: relevance x confidence x safety x reversibility x applicability.

    And x `past`, what the user chose before; without it the figure is 1 at most.
    """
    return math.prod(factor.value for factor in (*factors(candidate, task, context), *past))


def relevance(task: str, candidate: Candidate) -> float:
    """Say how much of the task the proposal's own words repeat.

    What was found by the words of the task has shown its relevance in its confidence already.
    """
    asked = set(concepts(task))
    if candidate.matched or not asked:
        return 1.0
    told = set(concepts(f"{candidate.title} {candidate.explanation}"))
    return _SURELY_RELEVANT + (1 - _SURELY_RELEVANT) * len(asked & told) / len(asked)


def applicability(candidate: Candidate, context: Context) -> float:
    """Say whether it can run here: programs that are missing, values that are not known yet."""
    needed = programs_of(candidate.workflow) & KNOWN_PROGRAMS
    missing = needed - context.programs if context.programs else frozenset[str]()
    factor = _PROGRAM_MISSING if missing else 1.0
    return factor * _INPUT_MISSING ** min(3, len(candidate.missing))


def plausibility(obstacles: Sequence[Obstacle]) -> float:
    """Say how far its options are known to the programs installed here: some may be made up."""
    return _OPTION_UNKNOWN if any(each.kind == "flag" for each in obstacles) else 1.0


def programs_of(workflow: Workflow) -> frozenset[str]:
    """Name the words that stand where programs do in the scripts. A guess: only safety parses."""
    return frozenset(word for step in workflow.steps for word in _WORD.findall(step.run))


def merge(ranked: Sequence[tuple[float, Candidate]]) -> list[tuple[float, Candidate]]:
    """Keep the best of proposals that do nearly the same; agreement of providers counts a little.

    Takes and gives them best first.
    """
    kept: list[tuple[float, Candidate, str]] = []
    for figure, candidate in ranked:
        shape = shape_of(candidate.workflow)
        for place, (best, other, known) in enumerate(kept):
            if _alike(shape, known):
                if candidate.provider != other.provider and other.verdict != "block":
                    kept[place] = (best * _AGREEMENT, other, known)
                break
        else:
            kept.append((figure, candidate, shape))
    return order((figure, candidate) for figure, candidate, _ in kept)


def order(scored: Iterable[tuple[float, Candidate]]) -> list[tuple[float, Candidate]]:
    """Best first; what the judge blocks comes last, whatever its figure."""
    return sorted(scored, key=lambda item: (item[1].verdict == "block", -item[0]))


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    if abs(len(one) - len(other)) > (1 - _SAME) * (len(one) + len(other)) or len(one) < 60:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _SAME
