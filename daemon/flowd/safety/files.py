"""What files hold, as far as the script itself shows: what it wrote, and what names tell.

Pipes, here-documents and `<(...)` are files with a made-up path under /dev/fd, so that content has
one way to travel.
"""

import re

from flowd.safety import secrets
from flowd.safety.paths import below, plain_path
from flowd.safety.state import TERMINAL, State
from flowd.safety.value import (
    ANYTHING,
    NETWORK,
    NOWHERE,
    UNKNOWN,
    Argument,
    Origins,
    Value,
    either,
    joined,
    unknown,
    value_of,
)

PIPE = "/dev/fd/pipe-"
CONNECTION = re.compile(r"/dev/(?:tcp|udp)/.*|/inet[46]?/(?:tcp|udp)/.*")
SHELL_PROGRAM = re.compile(r"(?:/usr(?:/local)?)?/bin/(?:ba|z|da|k|mk|a|c|tc|fi)?sh")
_DESCRIPTOR = re.compile(
    r"/dev/fd/(\d{1,4})|/proc/(?:self|thread-self|\d+|\ue000)/(?:task/\d+/)?fd/(\d{1,4})"
)
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def resolve(text: str, state: State) -> str:
    """Give the path a name leads to, through descriptors such as /dev/fd/3."""
    path = plain_path(text, state.folder)
    if path.startswith(("/dev/", "/proc/")):
        match = _DESCRIPTOR.fullmatch(path)
        number = int(match[1] or match[2]) if match else _STANDARD.get(path)
        if number is not None:
            return state.descriptors.get(number, TERMINAL if number < 3 else path)
    return path


def content(path: str, state: State) -> Value:
    """What reading a resolved path gives."""
    written = [value for each in (state.files, state.elsewhere) if (value := each.get(path))]
    if written:
        return either(written)
    if path in ("", TERMINAL):
        return ANYTHING
    if CONNECTION.fullmatch(path):
        return unknown(NETWORK)
    origins: Origins = NOWHERE
    named = secrets.origin_of(path)
    if named:
        origins = frozenset([named])
    elif path.endswith("sh") and SHELL_PROGRAM.fullmatch(path):
        origins = frozenset(["shell"])
    anywhere = state.files.get(UNKNOWN)  # something was written, but nobody knows where
    return either([Value((UNKNOWN,), origins), *([anywhere] if anywhere else [])])


def content_of(argument: Argument, state: State) -> Value:
    """What reading the file an argument names gives."""
    return content(resolve(argument.text, state), state)


def tree_of(argument: Argument, state: State) -> Origins:
    """Where everything below a path, or the file itself, comes from."""
    path = resolve(argument.text, state)
    origins = content(path, state).origins
    for other, value in state.files.items():
        if not other.startswith(PIPE) and below(other, path):
            origins |= value.origins
    if secrets.holds_secrets(path):
        origins |= {"secret"}
    return origins


def store(path: str, value: Value, state: State, *, append: bool) -> None:
    """Remember what a resolved path holds from now on."""
    if path in ("", TERMINAL, "/dev/null"):
        return
    before = state.files.get(path)
    if not append:
        state.files[path] = value
    elif before is not None:
        state.files[path] = joined(before, value)
    elif path.startswith(PIPE):
        state.files[path] = value
    else:
        state.files[path] = joined(value_of(UNKNOWN + "\n"), value)
