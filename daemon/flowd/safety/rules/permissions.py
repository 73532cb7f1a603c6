"""Permissions and owners."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.files import content_of
from flowd.safety.findings import block, confirm
from flowd.safety.programs.copies import copy_operands
from flowd.safety.rules.files import locations
from flowd.safety.rules.table import Rules
from flowd.safety.rules.writing import is_depended_on
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument

_SHELLS = re.compile(
    r".*/(?:(?:ba|z|da|k|mk|a|c|tc|fi)?sh|python[\d.]*|perl|ruby|node|env|find|vim)"
)
"""Programs that give whoever may run them a shell with their owner's rights."""
_SETS_ID = re.compile(r"[ug]*[oa]*\+[rwxXt]*s[rwxXst]*|[ugoa]*=[rwx]*s.*|[2-7]\d{3}|0[2-7]\d{3}")
_OPENS_TO_ALL = re.compile(
    r"0?[0-7]{0,2}[2367]|[oa]*[ugo]*[oa]\+[rx]*w[rwx]*|\+[rx]*w[rwx]*|a=\S*w\S*"
)
_SYSTEM_FILES = ("/etc/", "/boot/")
_TAKES_ALL = re.compile(r"0{1,4}|[ugo]*a[ugo]*[-=]r?w?x?|a-\S+|ugo?-\S+")


def _system_part(target: Argument, state: State, *, recursive: bool) -> bool:
    """Whether a change here hits the system, a whole home or its settings."""
    for location in locations(target, state):
        if location.place in ("root", "system", "home"):
            if recursive or location.contents or location.place == "root":
                return True
            if location.place == "system":
                return True
        if location.place == "settings" and recursive:
            return True
        if location.path.startswith(_SYSTEM_FILES) and (recursive or is_depended_on(location.path)):
            return True
    return False


def _is_system_file(target: Argument, state: State) -> bool:
    return any(each.path.startswith(_SYSTEM_FILES) for each in locations(target, state))


def _mode(command: Command, state: State) -> Iterator[Finding]:
    options = split(_without_modes(command), listed("--reference"))
    recursive = options.has("-R", "--recursive")
    operands = list(options.operands)
    mode = next((a.text for a in command.arguments if _looks_like_mode(a.text)), "")
    if operands and operands[0].text == mode:
        operands = operands[1:]
    grave = any(each.fullmatch(mode) for each in (_OPENS_TO_ALL, _TAKES_ALL, _SETS_ID))
    for target in operands:
        system_file = _is_system_file(target, state)
        if system_file and not grave and not recursive:
            message = f"Changes the permissions of the system file {target.text}."
            yield confirm("permissions.system-file", message, target.span)
        elif (system_file and grave) or _system_part(target, state, recursive=recursive):
            message = f"Changes the permissions of {target.text}, a part of the system or a home."
            yield block("permissions.system", message, target.span)
        elif _SETS_ID.fullmatch(mode):
            yield _sets_id(target, target, state)
        elif _OPENS_TO_ALL.fullmatch(mode):
            yield confirm(
                "permissions.world-writable",
                "Lets every user of this machine write it.",
                target.span,
                "Give the mode to the user and group only: chmod u+rwX.",
            )
        elif _TAKES_ALL.fullmatch(mode):
            yield confirm("permissions.none", "Takes every permission away.", target.span)
        elif recursive and any(
            each.place in ("inside_system", "unknown", "above") for each in locations(target, state)
        ):
            yield confirm(
                "permissions.recursive", f"Changes permissions below {target.text}.", target.span
            )


def _sets_id(program: Argument, target: Argument, state: State) -> Finding:
    """A program that runs with its owner's rights; `program` is what it is a copy of."""
    if _SHELLS.fullmatch(program.text) or "shell" in content_of(program, state).origins:
        message = "Gives everybody a shell with its owner's rights."
        return block("permissions.setuid-shell", message, target.span)
    message = "Lets everybody run it with its owner's rights."
    return confirm("permissions.setuid", message, target.span)


def _install(command: Command, state: State) -> Iterator[Finding]:
    """`install -m MODE SOURCE TARGET` copies and sets the mode at once."""
    options, sources, target = copy_operands(command)
    mode = options.value("-m", "--mode")
    if target is not None and mode is not None and _SETS_ID.fullmatch(mode.text):
        yield from (_sets_id(source, target, state) for source in sources)


def _looks_like_mode(text: str) -> bool:
    return (
        re.fullmatch(
            r"[0-7]{1,5}|[ugoa]*(?:[-+=][rwxXst]*,?)+(?:[ugoa]*[-+=][rwxXstugo]*,?)*", text
        )
        is not None
    )


def _without_modes(command: Command) -> tuple[Argument, ...]:
    """A mode such as -x is no option."""
    return tuple(
        argument for argument in command.arguments if not re.fullmatch(r"-[rwxXst]+", argument.text)
    )


def _owner(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("--from --reference"))
    recursive = options.has("-R", "--recursive")
    for target in options.operands[1:] or options.operands:
        shown = target.text.replace(UNKNOWN, "…")
        if _system_part(target, state, recursive=recursive):
            message = f"Changes the owner of {shown}, a part of the system or a home."
            yield block("permissions.system-owner", message, target.span)
        elif options.operands[1:]:
            yield confirm("permissions.owner", f"Changes the owner of {shown}.", target.span)


def _attributes(command: Command, state: State) -> Iterator[Finding]:
    changes = [a for a in command.arguments if re.fullmatch(r"[-+=][a-zA-Z]+", a.text)]
    targets = split(command.arguments).operands
    recursive = split(command.arguments).has("-R")
    if (
        command.name == "chattr"
        and changes
        and any(_system_part(each, state, recursive=recursive) for each in targets)
    ):
        message = "Changes the attributes of a part of the system or a home."
        yield block("permissions.system", message, command.span)
    elif command.name == "chattr" and changes:
        yield confirm("permissions.attributes", "Changes file attributes.", command.span)
    if command.name == "setfacl":
        recursive = split(command.arguments).has("-R", "--recursive")
        targets = split(command.arguments, listed("-m -x -M -X --modify --remove")).operands
        if any(_system_part(target, state, recursive=recursive) for target in targets):
            yield block(
                "permissions.system", "Changes who may use a part of the system.", command.span
            )
        else:
            yield confirm(
                "permissions.access-list", "Changes who may use these files.", command.span
            )


def _capabilities(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments:
        yield confirm(
            "permissions.capabilities", "Gives a program rights of the administrator.", command.span
        )


RULES: Rules = {
    **dict.fromkeys(("chmod", "gchmod"), (_mode,)),
    **dict.fromkeys(("chown", "chgrp", "gchown"), (_owner,)),
    **dict.fromkeys(("chattr", "setfacl"), (_attributes,)),
    "install": (_install,),
    "setcap": (_capabilities,),
}
