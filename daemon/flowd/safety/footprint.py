"""Which files a script deletes or overwrites: what must be kept so that it can be taken back.

A `Walk` follows the script with the environment it will really have, and notes what its programs
and redirects do to files (`touching.py`). The judge may err on the side of alarm; here an error
would be a promise that is not kept. So whatever is not known for certain ends the matter: the
footprint is not complete, and nothing is promised. `subtle.py` names what the walk follows only
nearly, `foreseer.py` gives up on it.
"""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache

from flowd.domain.files import Footprint
from flowd.domain.workflow import Shell
from flowd.safety.files import PIPE
from flowd.safety.findings import TooMuch, Trace
from flowd.safety.foreseer import Foreseer, OnlyPipes
from flowd.safety.state import State, Variable
from flowd.safety.subtle import CHANGING, HOSTILE, subtlety
from flowd.safety.touching import TOUCHING
from flowd.safety.value import ANYTHING, value_of

_LOG = logging.getLogger(__name__)


_TOUCHES_SOMETHING = re.compile(rf">|\b(?:{'|'.join(TOUCHING)})\b")


def foresee(
    script: str, *, shell: Shell, cwd: str, environment: Mapping[str, str] | None
) -> Footprint:
    """See the port `Foresee`."""
    promise = _promise(script, shell)
    if environment is None or not promise.complete:
        return promise
    hostile = sorted(HOSTILE & environment.keys())
    hostile += [name for name in environment if name.startswith("BASH_FUNC_")]
    if hostile:
        return Footprint((), complete=False, reason=f"{hostile[0]} may change what the shell does")
    return _follow(script, shell, _start(cwd, environment))


@lru_cache(maxsize=2048)
def _promise(script: str, shell: Shell) -> Footprint:
    """The footprint the script would have if every variable held one plain word."""
    if not _TOUCHES_SOMETHING.search(script):  # most scripts: nothing to keep, and no time lost
        return Footprint((), complete=False, reason="it names nothing that touches files")
    state = _Guess(folders=("/folder",), positional=(), stops_on_error=True)
    state.variables["FLOW_OUTPUT"] = Variable(value_of(f"{PIPE}output"), exported=True)
    return _follow(script, shell, state)


def _follow(script: str, shell: Shell, state: State) -> Footprint:
    reason = subtlety(script, shell)
    if reason:
        return Footprint((), complete=False, reason=reason)
    walk = Foreseer(Trace())
    state.files = OnlyPipes()
    try:
        walk.text(script, None, state)
        walk.look_for_doubts()
    except (TooMuch, RecursionError):
        walk.give_up("it does more than can be followed")
    except Exception:  # noqa: BLE001 - a mistake of ours must not become a promise
        _LOG.exception("a script of %d characters could not be foreseen", len(script))
        walk.give_up("Flow made a mistake when it looked at it")
    if walk.unclear:
        return Footprint((), complete=False, reason=walk.unclear)
    return Footprint(tuple(walk.touches))


def _start(cwd: str, environment: Mapping[str, str]) -> State:
    """The state a step's shell begins with: nothing is set but what is given."""
    variables = {
        name: Variable(value_of(text), exported=True)
        for name, text in environment.items()
        if name.isidentifier() and name != "PWD"
    }
    for name in CHANGING:
        variables[name] = Variable(ANYTHING, exported=True, readonly=None)
    variables["IFS"] = Variable(value_of(" \t\n"), exported=True)
    variables["FLOW_OUTPUT"] = Variable(value_of(f"{PIPE}output"), exported=True)
    return State(
        variables=variables,
        folders=(cwd,),
        positional=(),
        inherits=False,
        stops_on_error=True,
    )


class _Guess(State):
    """A state in which every variable nobody set holds one plain word."""

    def variable(self, name: str) -> Variable:
        """See `State`."""
        known = super().variable(name)
        if name in CHANGING or known.value != ANYTHING or name in self.variables:
            return known
        return Variable(value_of("word"), exported=True)
