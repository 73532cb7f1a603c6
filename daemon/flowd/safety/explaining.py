"""Why a command is judged as it is: the chain from its text to the verdict."""

from msgspec import Struct

from flowd.domain.ports import Finding, Judgement
from flowd.safety import rules
from flowd.safety.command import Command
from flowd.safety.judge import follow
from flowd.safety.policed import PolicedJudge
from flowd.safety.policy.rules import Rule
from flowd.safety.syntax import Span
from flowd.safety.value import UNKNOWN

FAMILIES = (
    "files",
    "permissions",
    "disks",
    "git",
    "packages",
    "containers",
    "cloud",
    "databases",
    "processes",
    "network",
    "secrets",
    "history",
    "privileges",
    "elsewhere",
)


class Call(Struct, frozen=True):
    """A command that was come upon; what only the run will show is `…`."""

    depth: int
    words: str
    span: Span


class Explanation(Struct, frozen=True):
    """The commands, what was found, what the user's rules lifted, and what decided, in words."""

    judgement: Judgement
    calls: list[Call]
    lifted: list[tuple[Finding, Rule]]
    decided: str


def explain(judge: PolicedJudge, script: str, cwd: str) -> Explanation:
    """Follow a script once more and keep what is seen on the way."""
    policy, _ = judge.policy(cwd)
    trace = follow(script, policy, cwd=cwd, calls=True)
    judgement = judge.judge(script, cwd=cwd)
    calls = dict.fromkeys(_call(depth, command) for depth, command in trace.calls or ())
    return Explanation(judgement, list(calls), trace.lifted, _decided(judgement, trace.allowed))


def families() -> dict[str, list[str]]:
    """The families of built-in rules, each with the programs it looks at."""
    return {name: sorted(getattr(rules, name).RULES) for name in FAMILIES}


def _call(depth: int, command: Command) -> Call:
    words = " ".join(each.text for each in command.words).replace(UNKNOWN, "…")
    return Call(depth, words, command.span)


def _decided(judgement: Judgement, allowed: list[Rule]) -> str:
    if judgement.verdict != "allow":
        strictest = judgement.findings[0]
        where = f" ({strictest.source})" if strictest.source else ""
        return f"{strictest.rule}{where}: {strictest.message}"
    if allowed:
        return f"your policy allows `{allowed[-1].text}` ({allowed[-1].place})"
    return "no rule objects"
