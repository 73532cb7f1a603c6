"""What leaves the machine."""

from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.findings import block, confirm
from flowd.safety.programs.effects import Send
from flowd.safety.value import UNKNOWN

_OWN = ("localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0")  # noqa: S104


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    return host.partition(":")[0] in _OWN or host in _OWN


def sending(send: Send) -> Iterator[Finding]:
    """Judge content on its way to another machine."""
    origins = send.value.origins
    if is_local(send.host):
        return
    where = f"to {send.host.replace(UNKNOWN, '…')}" if send.host.strip(UNKNOWN) else "away"
    known_host = UNKNOWN not in send.host
    if "secret" in origins or "system" in origins:
        what = "keys or credentials" if "secret" in origins else "system files"
        make = block if known_host else confirm
        yield make("exfiltration.secrets", f"Sends {what} {where}.", send.span)
    elif "tree" in origins:
        make = confirm if send.trusted or not known_host else block
        yield make("exfiltration.tree", f"Sends whole folders {where}.", send.span)
    elif send.files:
        yield confirm("exfiltration.upload", f"Sends files {where}.", send.span)
    elif "output" in origins:
        yield confirm("exfiltration.output", f"Sends what a command prints {where}.", send.span)
