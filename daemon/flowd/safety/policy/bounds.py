"""The boundaries of policy files, as far as a script's text tells that it would cross them.

The kernel holds them while a run goes on; said here, a run is refused before its first step. What
certainly crosses one is blocked; what may do so is asked about.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from flowd.domain.boundaries import ALWAYS_READABLE
from flowd.domain.ports import Finding
from flowd.safety import read_only
from flowd.safety.command import Command
from flowd.safety.findings import block, confirm
from flowd.safety.policy import facts
from flowd.safety.policy.layers import Policy
from flowd.safety.policy.reading import Layer
from flowd.safety.policy.rules import covers
from flowd.safety.programs import (
    copies,
    filters,
    interpreters,
    printers,
    spread,
    transfer,
    wrappers,
)
from flowd.safety.state import OUTPUT
from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

_NO_FILES = ("/dev/null", "/dev/std", "/dev/fd/", "/dev/tty", "/dev/pipe-")
_BECOMES_ANOTHER = listed("sudo sudoedit doas su pkexec run0 runuser gosu su-exec gksudo kdesu")
_CALLS_OUT = listed(
    "curl wget http https xh httpie aria2c lynx w3m ssh scp sftp ftp lftp telnet nc ncat netcat "
    "socat rsync mosh ping traceroute nmap dig host nslookup whois aws gcloud az kubectl helm gh "
    "glab heroku flyctl vercel netlify twine rclone s3cmd gsutil ssh-copy-id autossh"
)
_CALLS_OUT_WITH = {
    "git": listed("push pull fetch clone ls-remote submodule/update submodule/add remote/update"),
    "npm": listed("install i ci add update publish audit view exec"),
    "pnpm": listed("install i add update publish dlx"),
    "yarn": listed("install add up upgrade publish dlx"),
    "pip": listed("install download index"),
    "pip3": listed("install download index"),
    "uv": listed("sync add lock pip publish tool"),
    "poetry": listed("install add update lock publish"),
    "cargo": listed("install publish fetch update add search"),
    "go": listed("get install mod"),
    "gem": listed("install update push fetch"),
    "apt": listed("update install upgrade full-upgrade download"),
    "apt-get": listed("update install upgrade dist-upgrade download"),
    "dnf": listed("install update upgrade"),
    "brew": listed("install update upgrade fetch"),
    "docker": listed("pull push login search run build compose"),  # not held by our kernel rules
    "podman": listed("pull push login search run build"),
    "terraform": listed("init plan apply destroy"),
}
_CHANGES_OPERANDS = listed(
    "rm unlink rmdir mkdir touch tee truncate chmod chown chgrp shred ln mv trash trash-put "
    "setfacl chattr mkfifo mknod rename"
)
_TELLS_WHERE = frozenset(
    name
    for family in (copies, filters, interpreters, printers, spread, transfer, wrappers)
    for name in family.MODELS
)
"""Programs with a model of what they write, or run."""
_READS_OPERANDS = listed(
    "cat tac head tail less more bat nl cut sort uniq strings od xxd hexdump base64 base32 wc "
    "cp scp rsync tar zip gzip bzip2 xz gpg openssl diff cmp source . md5sum sha256sum ls tree find"
)
_ONLY_PRINTS = listed("echo printf [ [[ test true false : basename dirname cd pushd")
_PATTERN_FIRST = listed("grep egrep fgrep rg ag ack zgrep sed awk gawk mawk jq yq perl")


def judge_command(policy: Policy, command: Command, folder: str) -> Iterator[Finding]:
    """Say which boundaries a command crosses."""
    for layer in policy.bounded:
        drawn = layer.boundaries
        if not drawn.privilege and command.name in _BECOMES_ANOTHER:
            yield _crossed(layer, "privilege", "Becomes another user", command.span)
        if not drawn.network and _calls_out(command):
            yield _crossed(layer, "network", "Reaches other machines", command.span)
    if command.name in _CHANGES_OPERANDS:
        for path in facts.paths(command, folder):
            yield from judge_write(policy, path, command.span)
    elif _may_change_operands(command):
        for path in facts.paths(command, folder):
            yield from judge_write(policy, path, command.span, certain=False)
    yield from _judge_reading(policy, command, folder)


def judge_write(
    policy: Policy, path: str, span: Span, *, certain: bool = True
) -> Iterator[Finding]:
    """Say which boundaries writing, or removing, a plain path crosses; or may, if not certain."""
    if path == OUTPUT or path.startswith(_NO_FILES):
        return
    for layer in policy.bounded:
        globs = layer.boundaries.writable
        if globs is not None and not _inside(globs, path):
            message = f"{'Changes' if certain else 'May change'} {_named(path)}"
            yield _crossed(layer, "writable", message, span, path if certain else UNKNOWN)


def judge_read(policy: Policy, path: str, span: Span, *, certain: bool) -> Iterator[Finding]:
    """Say which boundaries reading a plain path crosses; what may be written may be read."""
    for layer in policy.bounded:
        globs = layer.boundaries.readable
        if globs is None:
            continue
        allowed = (*globs, *(layer.boundaries.writable or ()), *ALWAYS_READABLE, OUTPUT)
        if not _inside(allowed, path):
            message = f"Reads {_named(path)}"
            yield _crossed(layer, "readable", message, span, path if certain else UNKNOWN)


def judge_connection(policy: Policy, span: Span) -> Iterator[Finding]:
    """Say which boundaries reaching another machine crosses."""
    for layer in policy.bounded:
        if not layer.boundaries.network:
            yield _crossed(layer, "network", "Reaches other machines", span)


def _may_change_operands(command: Command) -> bool:
    """Whether a program may write wherever its words lead: it is not known where it writes."""
    if command.name == "find":
        return facts.has_flag(command, "-delete")
    return command.name not in _TELLS_WHERE and not read_only.allows(command)


def _judge_reading(policy: Policy, command: Command, folder: str) -> Iterator[Finding]:
    if command.name in _ONLY_PRINTS or all(
        layer.boundaries.readable is None for layer in policy.bounded
    ):
        return
    named = list(facts.paths(command, folder))
    if command.name in _PATTERN_FIRST:
        named = named[1:]
    for path in named:
        certain = command.name in _READS_OPERANDS or path == command.stdin_path
        yield from judge_read(policy, path, command.span, certain=certain)


def _calls_out(command: Command) -> bool:
    if command.name in _CALLS_OUT:
        return True
    verbs = _CALLS_OUT_WITH.get(command.name)
    if verbs is not None:
        if any(each.text in ("--network=none", "--net=none") for each in command.arguments):
            return False
        given = [words for words, _ in facts.subcommands(command) if words]
        return any(words[0] in verbs or "/".join(words[:2]) in verbs for words in given)
    return (
        any("://" in each.text for each in command.arguments)
        and any(facts.hosts(command))
        and (command.name not in _ONLY_PRINTS and command.name not in _PATTERN_FIRST)
    )


def _inside(globs: tuple[str, ...], path: str) -> bool:
    return UNKNOWN not in path and any(covers(glob, path) for glob in globs)


def _named(path: str) -> str:
    return "a path nobody can know yet" if UNKNOWN in path else path


def _crossed(layer: Layer, what: str, message: str, span: Span, path: str = "") -> Finding:
    made = confirm if UNKNOWN in path else block
    whose = {"administrator": "the administrator's", "user": "your", "project": "the project's"}
    told = f"{message}, beyond what `{what}` in {whose[layer.kind]} policy lets it."
    return replace(made(f"policy.{what}", told, span), source=layer.place_of(what))
