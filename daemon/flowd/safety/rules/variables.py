"""Environment variables that make other programs load or run something."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.findings import confirm
from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import Value

HOLDS_COMMAND = listed(
    "PAGER GIT_PAGER MANPAGER EDITOR VISUAL GIT_EDITOR GIT_SEQUENCE_EDITOR "
    "GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_ASKPASS SSH_ASKPASS PROMPT_COMMAND "
    "BROWSER LESSOPEN LESSCLOSE SUDO_EDITOR FCEDIT KUBE_EDITOR RSYNC_RSH "
    "GIT_PROXY_COMMAND"
)
NAMES_SCRIPT = listed("BASH_ENV ENV")
"""Variables that name a file which shells run before anything else."""
_HISTORY = listed("HISTFILE HISTSIZE HISTFILESIZE SAVEHIST")
_LOADED = listed(
    "LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES BASH_ENV PYTHONSTARTUP PERL5OPT PERL5DB"
)

_RISKY_FOLDER = re.compile(
    r"(?:^|:)(?:\.{1,2}(?:/[^:]*)?|/tmp[^:]*|/var/tmp[^:]*|/dev/shm[^:]*)(?=:)"
)
"""A folder before others in PATH that is relative, or everybody's."""


def judge(name: str, value: Value, span: Span) -> Iterator[Finding]:
    """Judge setting a variable for a command."""
    if name == "PATH" and any(_RISKY_FOLDER.search(text) for text in value.texts):
        yield confirm("code.path", "Lets programs from a folder anybody can write to run.", span)
    if name in _HISTORY and any(text in ("0", "/dev/null") for text in value.texts):
        message = "Removes or stops the record of what was done on this machine."
        yield confirm("history.off", message, span)
    if name in _LOADED and any(value.texts):
        yield confirm("code.preload", f"Makes programs load code by {name}.", span)
