"""What shells do with a script that cannot be followed to the letter, seen from its text alone."""

import re

from flowd.domain.workflow import Shell
from flowd.safety.tables import listed

HOSTILE = listed("BASH_ENV BASHOPTS SHELLOPTS GLOBIGNORE CDPATH POSIXLY_CORRECT")
"""Variables with which bash, or what it calls, means something else by the same text."""
CHANGING = listed(
    "RANDOM SRANDOM SECONDS LINENO EPOCHSECONDS EPOCHREALTIME BASHPID BASH_COMMAND _ PPID UID EUID "
    "OLDPWD SHLVL HOSTNAME HOSTTYPE MACHTYPE OSTYPE BASH BASH_VERSION BASH_VERSINFO BASH_SOURCE "
    "BASH_LINENO BASH_SUBSHELL BASH_REMATCH FUNCNAME GROUPS DIRSTACK PIPESTATUS OPTARG OPTIND "
    "REPLY MAPFILE COMP_WORDBREAKS BASH_ARGV0 BASH_ARGC BASH_ARGV BASH_EXECUTION_STRING TERM "
    "SHELL FLOW_RUN FLOW_STEP FLOW_ATTEMPT FLOW_ATTEMPT_ID COLUMNS LINES"
)
"""Variables that the shell or the engine sets, to what is not known here."""
_SUBTLE = (
    (re.compile(r"\(\([^)]*?(?:\+\+|--|(?<![=!<>])=(?!=))|\$\[", re.DOTALL), "arithmetic"),
    (re.compile(r"\[:|\[\.|\[="), "classes of characters"),
    (re.compile(r";&|;;&"), "a case that falls through"),
    (re.compile(r"(?<![\w./~}\"'*?\]-])~[\w+-]"), "another user's home"),
    (re.compile(r"(?:^|[\s/;&|('\"])\.[*?\[]"), "a pattern that may mean the folder above"),
    (re.compile(r"\b(?:coproc|select)\b"), "a co-process or a menu"),
)
_SUBTLE_IN_SH = re.compile(
    r"\{[^\s{}]*(?:,|\.\.)[^\s{}]*\}|\$['\"]|<<<|[<>]\(|&>|>&\s*[^\d\s-]|\[\["
)


def subtlety(script: str, shell: Shell) -> str:
    """Why a script cannot be followed to the letter, seen from its text alone; "" if it can."""
    if shell not in ("bash", "sh"):
        return f"scripts for {shell} are not followed"
    if shell == "sh" and _SUBTLE_IN_SH.search(script):
        return "sh may read it in another way than bash"
    return next((f"it has {what}" for pattern, what in _SUBTLE if pattern.search(script)), "")
