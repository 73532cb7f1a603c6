"""The judge: shell text in, verdict and reasons out. Nothing is run."""

import logging
from functools import lru_cache

from flowd.domain.ports import Judge, Judgement
from flowd.domain.workflow import Shell
from flowd.safety import nested
from flowd.safety.command import Command
from flowd.safety.findings import TooMuch, Trace, confirm
from flowd.safety.footprint import foresee
from flowd.safety.policy.layers import Policy
from flowd.safety.programs.effects import Code
from flowd.safety.state import State
from flowd.safety.uses import noted
from flowd.safety.value import ANYTHING, Argument, value_of
from flowd.safety.walk import Walk

MOST_REMEMBERED = 1024
LONGEST_REMEMBERED = 4096  # characters

_LOG = logging.getLogger(__name__)


def make_judge(policy: Policy | None = None, *, files_are_kept: bool = True) -> Judge:
    """Make the judge, with the user's own rules or without.

    Unless files are kept before steps change them, it promises nobody that they can be put back.

    It is pure. The last judgements are remembered, since runs of one workflow ask the same again
    and again; those who ask share one, so nobody may change it.
    """
    return _ShellJudge(policy, files_are_kept=files_are_kept)


def follow(
    script: str, policy: Policy | None, *, shell: Shell = "bash", cwd: str | None, calls: bool
) -> Trace:
    """Follow a script and give all that was seen; with `calls`, every command it comes upon.

    Never raises on input: what cannot be followed is a finding.
    """
    trace = Trace(policy)
    if calls:
        trace.calls = []
    whole = (0, len(script))
    try:
        if shell == "python":
            _follow_python(script, trace, cwd)
        else:
            _follow_shell(script, trace, cwd)
    except (TooMuch, RecursionError):
        message = "Does more than can be followed; read it yourself before it runs."
        trace.add(confirm("shell.too-much", message, whole))
        trace.read_only = False
    except Exception:  # noqa: BLE001 - a mistake of ours must not let a script pass
        _LOG.exception("the judge failed on a script of %d characters", len(script))
        trace.add(confirm("judge.defect", "The judge itself failed on this script.", whole))
        trace.read_only = False
    return trace


class _ShellJudge:
    """Follows the script with a `Walk`; python scripts are read as python."""

    def __init__(self, policy: Policy | None, *, files_are_kept: bool):
        self._policy = policy
        self._files_are_kept = files_are_kept
        self._remembered = lru_cache(MOST_REMEMBERED)(self._follow)

    def judge(self, script: str, *, shell: Shell = "bash", cwd: str | None = None) -> Judgement:
        """See `flowd.domain.ports.Judge`."""
        follow = self._follow if len(script) > LONGEST_REMEMBERED else self._remembered
        return follow(script, shell, cwd)

    def _follow(self, script: str, shell: Shell, cwd: str | None) -> Judgement:
        trace = follow(script, self._policy, shell=shell, cwd=cwd, calls=False)
        return Judgement(
            trace.verdict,
            trace.findings,
            trace.read_only,
            uses=noted(trace),
            reads=dict(trace.reads),
            effects=list(trace.effects),
        )

    def can_save(self, script: str, *, shell: Shell = "bash") -> bool:
        """See `flowd.domain.ports.Judge`."""
        if not self._files_are_kept:
            return False
        return bool(foresee(script, shell=shell, cwd="/", environment=None).touches)

    def as_of_now(self, cwd: str | None) -> Judge:
        """See `flowd.domain.ports.Judge`."""
        return self


def _start(cwd: str | None) -> State:
    return State(folders=(cwd or "",), start=cwd or "")


def _follow_shell(script: str, trace: Trace, cwd: str | None) -> None:
    state = _start(cwd)
    walk = Walk(trace)
    walk.text(script, None, state)
    if trace.concurrent and state.files:
        # What one background part writes an earlier one may read: now everything is there.
        again = _start(cwd)
        again.elsewhere = state.files
        Walk(trace).text(script, None, again)
    walk.uncalled_functions(state)


def _follow_python(script: str, trace: Trace, cwd: str | None) -> None:
    whole = (0, len(script))
    python = Argument("python", whole)
    command = Command("python", python, (), ANYTHING, whole)
    code = Code("python", value_of(script), whole)
    nested.run_code(Walk(trace), code, command, _start(cwd))
