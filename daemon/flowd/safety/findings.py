"""Making findings, and collecting them along a walk."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowd.domain.foresight import Effect, Loss, Use
from flowd.domain.ports import VERDICT_RANK, Finding, Verdict
from flowd.safety.syntax import Span

if TYPE_CHECKING:
    from flowd.safety.command import Command
    from flowd.safety.policy.layers import Policy
    from flowd.safety.policy.rules import Rule

MAX_COMMANDS = 4_000
MAX_FINDINGS = 50
MAX_USES = 200


class TooMuch(Exception):
    """The script does more than the judge is prepared to follow."""


def confirm(
    rule: str, message: str, span: Span, safer: str = "", loss: Loss | None = None
) -> Finding:
    """A finding a person must agree to."""
    return Finding(rule, "confirm", message, span, safer, loss)


def block(
    rule: str, message: str, span: Span, safer: str = "", loss: Loss | None = None
) -> Finding:
    """A finding that stops the script."""
    return Finding(rule, "block", message, span, safer, loss)


class Trace:
    """What one judgement has seen: findings in order without repeats, and what is left to spend."""

    def __init__(self, policy: "Policy | None" = None) -> None:
        self.policy = policy
        self._agreed: list[Rule] = []  # what allows commands around the current place
        self.allowed: list[Rule] = []  # every rule that allowed a command
        self.lifted: list[tuple[Finding, Rule]] = []  # what would have been asked without them
        self.calls: list[tuple[int, Command]] | None = None  # what ran how deep, when asked for
        self._findings: dict[Finding, None] = {}
        self._left = MAX_COMMANDS
        self.read_only = True
        self.concurrent = False
        self.uses: dict[Use, None] = {}
        self.reads: dict[str, Span] = {}
        self.effects: dict[Effect, None] = {}
        self.asked_for: set[str] = set()
        """Programs that the script asks for before it calls them."""
        self.takes_in_code = False
        """Whether text nobody knows ran in its own shell: it may have set or defined anything."""
        self._tolerated = 0
        self._elsewhere = 0

    @property
    def findings(self) -> list[Finding]:
        """Strictest first, then as they stand in the text.

        One that stands within another that says the same is no news: a command, and its argument.
        """
        found = sorted(
            self._findings,
            key=lambda each: (-VERDICT_RANK[each.verdict], each.span[0], -each.span[1]),
        )
        told: list[Finding] = []
        reached: dict[tuple[str, str, str], int] = {}  # by those that say the same
        for finding in found[:MAX_FINDINGS]:
            said = (finding.rule, finding.verdict, finding.message)
            if finding.span[1] > reached.get(said, -1):  # else within one: none starts later
                told.append(finding)
                reached[said] = finding.span[1]
        return told

    @property
    def verdict(self) -> Verdict:
        """The strictest so far."""
        return max(
            (finding.verdict for finding in self._findings),
            key=VERDICT_RANK.__getitem__,
            default="allow",
        )

    def add(self, finding: Finding) -> None:
        """Keep a finding, unless it asks about something the user has agreed to for good."""
        own = finding.rule.startswith("policy.")
        if not self._agreed or own or finding.verdict == "block":
            self._findings.setdefault(finding)
        elif len(self.lifted) < MAX_FINDINGS:
            self.lifted.append((finding, self._agreed[-1]))

    def called(self, command: "Command", depth: int) -> None:
        """Keep a command that was come upon, when somebody wants to see them."""
        if self.calls is not None and len(self.calls) < MAX_FINDINGS:
            self.calls.append((depth, command))

    @contextmanager
    def agreed(self, rule: "Rule") -> Iterator[None]:
        """What is found meanwhile needs no agreement any more; what is blocked stays blocked."""
        if rule not in self.allowed:
            self.allowed.append(rule)
        self._agreed.append(rule)
        try:
            yield
        finally:
            self._agreed.pop()

    @contextmanager
    def tolerant(self, tolerates: bool = True) -> Iterator[None]:
        """What fails meanwhile does not fail the script."""
        self._tolerated += tolerates
        try:
            yield
        finally:
            self._tolerated -= tolerates

    @contextmanager
    def elsewhere(self, elsewhere: bool = True) -> Iterator[None]:
        """What is called meanwhile is another machine's, or found on another PATH."""
        self._elsewhere += elsewhere
        try:
            yield
        finally:
            self._elsewhere -= elsewhere

    def use(self, use: Use) -> None:
        """Note that a program is called."""
        if not self._elsewhere and len(self.uses) < MAX_USES:
            certain = use.certain and not self._tolerated and not self.takes_in_code
            self.uses.setdefault(replace(use, certain=certain))

    def effect(self, effect: Effect) -> None:
        """Note what the script will do."""
        if not self._elsewhere and len(self.effects) < MAX_USES:
            self.effects.setdefault(effect)

    def read(self, name: str, span: Span) -> None:
        """Note that a variable is read which the script itself does not set."""
        if not self._elsewhere and not self.takes_in_code and len(self.reads) < MAX_USES:
            self.reads.setdefault(name, span)

    def spend(self, commands: int = 1) -> None:
        """Pay for one command, or for what costs as much; raises TooMuch when nothing is left."""
        self._left -= commands
        if self._left < 0:
            raise TooMuch
