"""Acting as somebody else."""

from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rules
from flowd.safety.state import State
from flowd.safety.tables import listed


def _as_administrator(command: Command, _state: State) -> Iterator[Finding]:
    if not command.has_word("-V", "--version", "-h", "--help", "-l", "--list", "-k", "-K"):
        yield confirm(
            "privileges.other-user",
            "Runs with the rights of another user, usually the administrator.",
            command.span,
        )
    elif (
        len(command.arguments) > 1
        and command.name == "sudo"
        and not command.has_word("-l", "--list")
    ):
        yield confirm(
            "privileges.other-user", "Runs with the rights of another user.", command.span
        )


_LOOKS = listed("list list-images list-transfers status show image-status show-image")


def _other_root(command: Command, _state: State) -> Iterator[Finding]:
    words = [argument.text for argument in command.arguments if not argument.text.startswith("-")]
    looks = command.name == "machinectl" and words[:1] and words[0] in _LOOKS
    if command.arguments and not looks and not command.has_word("--help", "--version"):
        yield confirm(
            "privileges.namespace", "Runs in another root folder or name space.", command.span
        )


RULES: Rules = {
    **dict.fromkeys(
        listed(
            "sudo doas su pkexec runuser sudoedit gosu su-exec setpriv run0 please gsudo sudo-rs"
        ),
        (_as_administrator,),
    ),
    **dict.fromkeys(("chroot", "nsenter", "machinectl", "systemd-nspawn"), (_other_root,)),
}
