"""What a script will do, told for people before it runs: see `Judgement.effects`.

This is a description and no promise; `footprint.py` promises, and `rules/` decide. What a program
does that nobody has written down here is not known, and that is said, too.
"""

import re

from flowd.domain.files import How
from flowd.domain.foresight import Effect
from flowd.safety import read_only
from flowd.safety.command import Command
from flowd.safety.programs import MODELS
from flowd.safety.programs.hooks import HOOKS
from flowd.safety.programs.transfer import remote_host
from flowd.safety.programs.wrappers import PRIVILEGED
from flowd.safety.tables import listed
from flowd.safety.touching import TOUCHING
from flowd.safety.value import UNKNOWN

SHOWN_UNKNOWN = "…"
_DELETES: frozenset[How] = frozenset({"deleted", "moved_away", "emptied"})
_URL = re.compile(r"(?:https?|ftp|ssh|git|rsync|s3|gs|wss?)://(?:[^/@\s]*@)?([^/:\s]+)")
_TAKE_HOSTS = listed("ssh scp sftp rsync mosh telnet ping nc ncat dig host nslookup traceroute")
_FETCH = {
    "pip": "install download", "pip3": "install download", "npm": "install ci i update publish",
    "yarn": "install add", "pnpm": "install add i", "cargo": "install fetch publish update",
    "go": "get install mod", "gem": "install push", "brew": "install upgrade update",
    "apt": "install update upgrade", "apt-get": "install update upgrade", "uv": "sync pip add",
    "git": "push pull fetch clone ls-remote", "docker": "pull push login", "podman": "pull push",
    "helm": "pull push repo", "terraform": "init apply", "twine": "upload", "gh": "",
    "aws": "", "gcloud": "", "az": "", "kubectl": "", "poetry": "install add publish",
}  # fmt: skip
"""Programs that talk to a machine that their words need not name, and with which subcommands."""
_KNOWN_OTHERWISE = listed("git sh bash zsh dash python python3 node perl ruby awk eval source .")


def effects_of(command: Command) -> list[Effect]:
    """What one call does, but for what it runs: that is a call of its own."""
    return [
        *_files(command),
        *_network(command),
        *([Effect("privilege", command.name)] if command.name in PRIVILEGED else ()),
        *([Effect("unknown", command.name)] if _nobody_knows(command) else ()),
    ]


def _files(command: Command) -> list[Effect]:
    if command.name not in TOUCHING or read_only.allows(command):
        return []
    touches = TOUCHING[command.name](command)
    if touches is None:
        return [] if command.name in _KNOWN_OTHERWISE else [Effect("unknown", command.name)]
    found = (
        Effect("deletes", f"{touch.path} (moved)" if touch.how == "moved_away" else touch.path)
        if touch.how in _DELETES
        else Effect("writes", touch.path + touch.ending)
        for touch in touches
        if touch.path
    )
    return [Effect(effect.kind, shown(effect.what)) for effect in found]


def _network(command: Command) -> list[Effect]:
    hosts: dict[str, None] = {}
    for argument in command.arguments:
        hosts.update(dict.fromkeys(_URL.findall(argument.text)))
        host = remote_host(argument.text) if command.name in _TAKE_HOSTS else None
        if host:
            hosts[host] = None
    words = [a.text for a in command.arguments if not a.text.startswith("-")]
    wanted = _FETCH.get(command.name)
    if not hosts and command.name in _TAKE_HOSTS and words:
        hosts[words[0].rpartition("@")[2]] = None
    if (
        not hosts
        and wanted is not None
        and (not wanted or (words[:1] and words[0] in wanted.split()))
    ):
        hosts[f"as {command.name} is set up"] = None
    return [Effect("network", shown(host)) for host in hosts]


def _nobody_knows(command: Command) -> bool:
    name = command.name
    if name in TOUCHING or name in PRIVILEGED or name in _KNOWN_OTHERWISE:
        return False
    if name in MODELS and name not in HOOKS:  # of the others only is known which of them runs what
        return False
    return not read_only.allows(command)


def shown(text: str) -> str:
    """A text for people: what only the run will know is an ellipsis."""
    return text.replace(UNKNOWN, SHOWN_UNKNOWN)
