"""What of an environment may be recorded with a run: not the variables that look secret.

Clients leave the others out before they send it, so that secrets do not travel; the daemon leaves
them out of whatever it is sent, and of its own, so that no client can forget to.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_WORDS = frozenset(
    {"COOKIE", "COOKIES", "CREDENTIAL", "CREDENTIALS", "CREDS", "JWT", "KEY", "KEYS", "PASS"}
    | {"PASSPHRASE", "PAT", "PW", "PWD", "TOKEN", "TOKENS"}
)
_SECRET_PARTS = ("PASSWORD", "PASSWD", "SECRET", "APIKEY", "APITOKEN", "AUTHTOKEN", "PRIVATEKEY")
_PLACES = frozenset({"DIR", "DIRECTORY", "FILE", "HOME", "PATH", "SOCK", "SOCKET"})
STEP_MARKS = frozenset({"FLOW_OUTPUT", "FLOW_RUN", "FLOW_STEP", "FLOW_ATTEMPT", "FLOW_ATTEMPT_ID"})
"""Set for every step by the daemon; by them the processes of a step are found."""

_HARMLESS = frozenset({"PWD", "OLDPWD"})


def looks_secret(name: str) -> bool:
    """Whether a variable of that name probably holds a secret, not the place of one."""
    upper = name.upper()
    words = re.findall(r"[A-Z]+", upper)
    if upper in _HARMLESS or not words or words[-1] in _PLACES:
        return False
    return not _SECRET_WORDS.isdisjoint(words) or any(part in upper for part in _SECRET_PARTS)


def shareable(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables a step may see: text, and by their names no secrets.

    SSH_AUTH_SOCK, XAUTHORITY and the like stay: they say where something is, not what it is.
    """
    return {
        name: value
        for name, value in environment.items()
        if name not in STEP_MARKS and not looks_secret(name) and _is_text(name) and _is_text(value)
    }


def _is_text(value: str) -> bool:
    """Whether it can be sent as JSON; bytes that are not UTF-8 show up as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
