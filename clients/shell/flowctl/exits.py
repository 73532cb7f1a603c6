"""Exit codes, and the one way a command says that it could not do what was asked."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DONE = 0
RUN_FAILED = 1
USAGE = 2
INVALID_WORKFLOW = 3
BLOCKED = 4
NEEDS_CONFIRMATION = 5
NOT_FOUND_OR_CONFLICT = 6
PROVIDER_FAILED = 7
UNREACHABLE = 8
CANCELLED = 130

_OF_ERROR = {
    "invalid_workflow": INVALID_WORKFLOW,
    "invalid_input": USAGE,
    "caller_error": USAGE,
    "unsupported": USAGE,
    "preflight_failed": INVALID_WORKFLOW,
    "usage": USAGE,
    "not_found": NOT_FOUND_OR_CONFLICT,
    "conflict": NOT_FOUND_OR_CONFLICT,
    "blocked_by_policy": BLOCKED,
    "untrusted_folder": NEEDS_CONFIRMATION,
    "provider_failed": PROVIDER_FAILED,
}
_OF_STATE = {
    "succeeded": DONE,
    "failed": RUN_FAILED,
    "compensated": RUN_FAILED,
    "compensation_failed": RUN_FAILED,
    "cancelled": CANCELLED,
}
_OF_VERDICT = {"allow": DONE, "confirm": NEEDS_CONFIRMATION, "block": BLOCKED}


class Failure(Exception):
    """Ends the command: shown as one block, or as JSON; `code` is the stable name of the error."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        cure: str = "",
        data: Mapping[str, object] | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.code = code
        self.cure = cure
        self.data = dict(data or {})


class Left(Exception):
    """The watching of a run ends before the run does. `code` is the exit code."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


class UsageError(Failure):
    """The command line itself is wrong."""

    def __init__(self, message: str, *, cure: str = "see flowctl --help"):
        super().__init__(message, code="usage", cure=cure)


def of_error(code: str) -> int:
    """Exit code for an error. A daemon that cannot serve counts as one that is not there."""
    return _OF_ERROR.get(code, UNREACHABLE)


def of_state(state: str) -> int:
    """Exit code for the final state of a run."""
    return _OF_STATE.get(state, DONE)


def of_verdict(verdict: str) -> int:
    """Exit code for a verdict of the safety judge."""
    return _OF_VERDICT.get(verdict, NEEDS_CONFIRMATION)
