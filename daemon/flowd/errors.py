"""Everything Flow raises on purpose.

    FlowError                 code (stable), message, cure, data
    ├── CallerError           the request was wrong; shown as it is
    │   ├── InvalidWorkflow   problems with line, column and fix
    │   ├── InvalidInput      a value given to a run, a flag, a parameter, a setting
    │   ├── NotFound          no such run, step, template, file
    │   ├── Conflict          the thing exists but is not in a state that allows this
    │   │   └── TokenTaken    a run with this client token exists already; `data["run"]` names it
    │   ├── BlockedByPolicy   safety says no; findings tell why
    │   ├── PreflightFailed   a step cannot work here; `data["obstacles"]` tells which and why
    │   ├── Untrusted         a workflow file of a folder nobody said they trust
    │   └── Unsupported       valid, but this machine or version cannot do it
    ├── WorldError            the world refused; `retryable` says whether trying again can help
    │   ├── StoreUnavailable  disk full, read-only, corrupt, locked by somebody else
    │   ├── SpawnFailed       no process could be made
    │   └── ProviderFailed    a suggestion provider did not answer usefully
    │       └── OverBudget    asking it would cost more than the settings allow
    └── Bug                   our own mistake: logged with traceback, one run parked, daemon lives

A user's command that fails is none of these: it is an outcome, which is data.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class FlowError(Exception):
    """Base of every deliberate error.

    `message` says what happened, `cure` what the reader can do about it; `data` is
    JSON-shaped detail for programs.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, cure: str = "", data: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.data: dict[str, Any] = dict(data or {})


class CallerError(FlowError):
    """The request cannot be carried out as it was made."""

    code = "caller_error"


class InvalidWorkflow(CallerError):
    """A workflow file breaks the language; `data["problems"]` lists every place."""

    code = "invalid_workflow"

    def __init__(self, message: str, problems: Sequence[Mapping[str, Any]], *, cure: str = ""):
        super().__init__(message, cure=cure, data={"problems": [dict(p) for p in problems]})


class InvalidInput(CallerError):
    """A value is missing, of the wrong type, or outside what is allowed."""

    code = "invalid_input"


class NotFound(CallerError):
    """Nothing by that name."""

    code = "not_found"


class Conflict(CallerError):
    """The state of the thing does not allow the request."""

    code = "conflict"


class TokenTaken(Conflict):
    """The client token belongs to the run in `data["run"]`."""

    def __init__(self, run: str):
        super().__init__(f"this client token belongs to run {run}", data={"run": run})
        self.run = run


class BlockedByPolicy(CallerError):
    """The safety judge blocks the workflow; `data["findings"]` says why."""

    code = "blocked_by_policy"


class PreflightFailed(CallerError):
    """A step cannot work here, as was seen before the first one ran; `data["obstacles"]`."""

    code = "preflight_failed"


class Untrusted(CallerError):
    """A workflow file of a folder that the user has not said they trust: `data["folder"]`."""

    code = "untrusted_folder"


class Unsupported(CallerError):
    """The request is valid but cannot be honoured here, and must not be half-honoured."""

    code = "unsupported"


class WorldError(FlowError):
    """Something outside Flow refused."""

    code = "world_error"
    retryable: ClassVar[bool] = False


class StoreUnavailable(WorldError):
    """The event store cannot take writes; reads may still work."""

    code = "store_unavailable"


class SpawnFailed(WorldError):
    """The operating system made no process for a step."""

    code = "spawn_failed"
    retryable = True


class ProviderFailed(WorldError):
    """A suggestion provider failed, timed out or answered nonsense."""

    code = "provider_failed"
    retryable = True


class OverBudget(ProviderFailed):
    """The request was not made: it could take more than a budget has left."""

    retryable = False


class Bug(FlowError):
    """An invariant of Flow itself does not hold."""

    code = "bug"


def single_cause(error: Exception) -> Exception:
    """Look through the groups that nurseries make, as long as they hold one exception."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
