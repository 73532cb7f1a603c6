"""What a command's words name: its subcommand, flags, paths, hosts and git branches.

Each function gives texts, in which `UNKNOWN` stands for what only the run will show.
"""

import re
from collections.abc import Iterator
from functools import cached_property

from flowd.safety.command import Command, split
from flowd.safety.paths import plain_path
from flowd.safety.programs.containers import DOCKER_VALUES, KUBECTL_VALUES
from flowd.safety.rules.git import GLOBAL_VALUES as GIT_VALUES
from flowd.safety.rules.git import subcommand as git_subcommand
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

_OUTER_VALUES = {
    "git": GIT_VALUES,
    "kubectl": KUBECTL_VALUES,
    "docker": DOCKER_VALUES,
    "podman": DOCKER_VALUES,
}
_URL_HOST = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/@\s]*@)?(\[[^\]]*\]|[^/:?#\s]*)")
_REMOTE = re.compile(r"(?:[^/@:\s]+@)?([^/@:\s]+):.*")
_AT_HOST = re.compile(r"[^/@:\s]+@([^/@:\s]+)")
_NAMES_HOST_FIRST = listed("ssh mosh telnet nc ncat netcat ftp sftp ping traceroute nmap dig whois")
_REMOTE_PATHS = listed("scp rsync sftp git rclone mosh ssh")
_BARE_ADDRESSES = listed("curl wget http https xh httpie lynx w3m aria2c links")
_HOST_OPTIONS = listed("--host --hostname --server --registry --repository-url --index-url")
_ADDRESS_VALUES = listed(
    "-p -P -i -l -o -F -J -L -R -D -b -c -e -m -S -W -w -u -H -d -X -A -x -T --data --header "
    "--request --user --output --user-agent -O"
)
_BRANCHED = listed("push branch checkout switch reset merge rebase pull cherry-pick fetch")
_ON_CURRENT = listed("reset merge rebase pull cherry-pick")


class Given:
    """A command that many rules are held against: each fact is looked for once, when it counts."""

    def __init__(self, command: Command, folder: str):
        self.command = command
        self._folder = folder

    @cached_property
    def known(self) -> bool:
        """Whether all its words are known."""
        return all(argument.known for argument in self.command.arguments)

    @cached_property
    def subcommands(self) -> tuple[tuple[tuple[str, ...], bool], ...]:
        """See the function of that name, as for all below."""
        return subcommands(self.command)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every argument as a path."""
        return tuple(paths(self.command, self._folder))

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Machines that are named."""
        return tuple(hosts(self.command))

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """Branches that are named."""
        return tuple(branches(self.command))


def subcommands(command: Command) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """The operands from each word on that may be the subcommand; True when that is certain."""
    values = _OUTER_VALUES.get(command.name)
    words = command.arguments
    found: list[tuple[tuple[str, ...], bool]] = []
    operands = [each.text for each in split(words, values or frozenset()).operands]
    if operands:
        first = [each.text for each in words].index(operands[0])
        sure = values is not None or not any(each.text.startswith("-") for each in words[:first])
        found.append((tuple(operands), sure))
        if not sure:  # what looks like it may be the value of an option that is not known
            found.append((tuple(operands[1:]), False))
    return tuple(found)


def has_flag(command: Command, flag: str) -> bool:
    """Whether an option was given: `-f` alone or among others (`-xf`), `--force`, `--force=x`."""
    for argument in command.arguments:
        text = argument.text
        if text == "--":
            return False
        if text == flag or (flag.startswith("-") and text.startswith(f"{flag}=")):
            return True
        single = len(flag) == 2 and flag[0] == "-" and flag[1] != "-"
        if single and re.match(r"-[A-Za-z0-9]", text) and flag[1] in text[1:].partition("=")[0]:
            return True
        long = flag.startswith("--") and text.startswith("--") and len(text) > 3
        if long and flag.startswith(text):  # getopt takes abbreviations
            return True
    return False


def paths(command: Command, folder: str) -> Iterator[str]:
    """Every argument as a path, and the files it reads and writes by redirection."""
    values = _OUTER_VALUES.get(command.name)
    operands = split(command.arguments, values).operands if values is not None else ()
    only_operands = False
    for argument in command.arguments:
        text = argument.text
        if text == "--" and not only_operands:
            only_operands = True
            continue
        if (text.startswith("-") and not only_operands) or command.name == "dd":
            text = text.partition("=")[2]
        elif operands and argument is operands[0]:  # the subcommand is no path
            continue
        if text and "://" not in text:
            yield plain_path(text, folder)
    for path in (command.stdin_path, command.stdout_path):
        if path and not path.startswith("/dev/"):
            yield path


def hosts(command: Command) -> Iterator[str]:
    """Machines that are named: in URLs, as `user@host:path`, or where the program takes a host."""
    for position, argument in enumerate(command.arguments):
        text = argument.text
        name, equals, value = text.partition("=")
        given = value if equals and name.startswith("-") else text
        if match := _URL_HOST.match(given):
            yield match[1].strip("[]").lower()
        elif (command.name in _REMOTE_PATHS and (match := _REMOTE.fullmatch(given))) or (
            match := _AT_HOST.fullmatch(given)
        ):
            yield match[1].lower()
        elif equals and name in _HOST_OPTIONS:
            yield value.lower()
        elif position and command.arguments[position - 1].text in _HOST_OPTIONS:
            yield text.lower()
    operands = [each.text for each in split(command.arguments, _ADDRESS_VALUES).operands]
    if command.name in _NAMES_HOST_FIRST and operands:
        yield re.split(r"[/:@]", operands[0].rpartition("@")[2])[0].lower()
    elif command.name in _BARE_ADDRESSES:
        yield from (re.split(r"[/:]", each)[0].lower() for each in operands if "://" not in each)


def branches(command: Command) -> Iterator[str]:
    """Branches a git command is about; UNKNOWN for the one that happens to be checked out."""
    if command.name != "git":
        return
    name, _, inner = git_subcommand(command)
    if name not in _BRANCHED:
        return
    operands = [each.text for each in inner.operands]
    if name in ("push", "fetch"):
        refs = operands[1:]
        every = inner.has("--all", "--mirror")
        yield from ([UNKNOWN] if every or (name == "push" and not refs) else [])
        for ref in refs:
            target = ref.lstrip("+").rpartition(":")[2] or ref.lstrip("+").rstrip(":")
            yield UNKNOWN if target in ("HEAD", "@") else target.removeprefix("refs/heads/")
        return
    yield from (each.partition("~")[0].partition("^")[0] for each in operands)
    for value in inner.values("-b", "-B", "-c", "-C"):
        if value is not None:
            yield value.text
    if name in _ON_CURRENT:
        yield UNKNOWN
