"""Text that runs as code: where it comes from, and what other languages may hide."""

import re
from collections.abc import Callable, Iterator

from flowd.domain.ports import Finding
from flowd.safety import code as found
from flowd.safety.command import Command
from flowd.safety.findings import block, confirm
from flowd.safety.programs import hooks
from flowd.safety.programs.effects import Code
from flowd.safety.state import State
from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

_ORDINARY_SOURCES = re.compile(
    r"(?:.*/)?(?:\.?venv|env|\.virtualenvs/[^/]+)/bin/activate(?:\.\w+)?"
    r"|/(?:etc|usr/lib)/os-release|/etc/(?:lsb-release|profile|bashrc|bash\.bashrc|environment)"
    r"|/etc/(?:default|sysconfig|profile\.d)/[\w.-]+|/usr/share/bash-completion/.*"
    r"|/(?:usr/)?lib/lsb/init-functions|(?:~|/home/[^/]+)/\.(?:bashrc|zshrc|profile|bash_profile)"
    r"|(?:.*/)?(?:activate|nvm\.sh|bash_completion|\.sdkman-init\.sh|asdf\.sh)"
)
_PROJECT_FILES = re.compile(
    r"(?:\./)?(?:manage\.py|setup\.py|noxfile\.py|conftest\.py|waf|artisan)"
)


def judge(code: Code) -> Iterator[Finding]:
    """Judge running a text by where it comes from."""
    origins = code.source.origins
    if code.language in ("awk", "sed") and not origins & {"network", "decoded"}:
        return
    if code.language == "sql":
        if code.unseen and any(UNKNOWN in text for text in code.source.texts):
            yield confirm("databases.unseen-sql", "Runs SQL that cannot be seen here.", code.span)
        return
    if "network" in origins:
        yield block(
            "code.from-network",
            "Runs what comes from the network, unseen.",
            code.span,
            "Download it to a file, read it, then run it.",
        )
    elif "decoded" in origins:
        yield block("code.decoded", "Runs code that was hidden by an encoding.", code.span)
    elif "pasted" in origins:
        yield confirm(
            "code.pasted",
            "Runs file names or input lines as shell code.",
            code.span,
            "Pass them as arguments: sh -c '…' _ {}.",
        )
    elif code.unseen and any(UNKNOWN in text for text in code.source.texts):
        if _ORDINARY_SOURCES.fullmatch(code.name):
            return
        what = f"the script {code.name.replace(UNKNOWN, '…')}" if code.name else "a script"
        yield confirm("code.unseen", f"Runs {what}, which cannot be seen here.", code.span)
    elif any(text.strip() == UNKNOWN for text in code.source.texts):
        yield confirm(
            "code.computed", "Runs a command that is only put together when it runs.", code.span
        )


def _fork_bomb(span: Span) -> Finding:
    return block("processes.fork-bomb", "Starts new processes without end.", span)


_HOOKS_FOLLOWED = listed("vim vi nvim ex gdb emacs emacsclient fzf rsync make")
"""Programs whose hooks are usual: what these run is judged, that they run something is not."""


def hook(command: Command, _state: State) -> Iterator[Finding]:
    """An option that makes an ordinary program run another one."""
    if command.name in _HOOKS_FOLLOWED:
        return
    for argument in hooks.hooked(command):
        yield confirm("code.hook", f"Makes {command.name} run {argument.text}.", argument.span)


DANGERS: dict[str, Callable[[Span], Finding]] = {
    found.REVERSE_SHELL: lambda span: block(
        "network.reverse-shell", "Gives somebody on the network a shell on this machine.", span
    ),
    found.FORK_BOMB: _fork_bomb,
    found.HIDDEN_CODE: lambda span: block(
        "code.decoded", "Runs code that was hidden by an encoding.", span
    ),
    found.FETCHED_CODE: lambda span: block(
        "code.from-network", "Runs what comes from the network, unseen.", span
    ),
    found.UNREADABLE: lambda span: confirm(
        "code.not-understood", "This code cannot be read.", span
    ),
    found.COMPUTED_CODE: lambda span: confirm(
        "code.computed", "Runs code that is only put together when it runs.", span
    ),
}
