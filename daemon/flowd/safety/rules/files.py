"""Deleting and moving files."""

from collections.abc import Iterator

from msgspec.structs import replace

from flowd.domain.foresight import Loss
from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import block, confirm
from flowd.safety.paths import Location, Place, below, locate
from flowd.safety.programs.copies import copy_operands, tar_options
from flowd.safety.programs.spread import find_plan
from flowd.safety.programs.transfer import RSYNC_VALUES, remote_host
from flowd.safety.rules.table import Rules
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument

_NEVER: dict[Place, str] = {
    "root": "the whole machine",
    "system": "a part of the system that the machine needs",
    "home": "a whole home folder",
    "settings": "settings in a home folder",
    "scratch_root": "everybody's temporary files",
    "git_store": "git's own store: history would be lost",
    "device": "a device",
}
"""Places whose loss nobody wants, and what is lost."""

_SAFE: frozenset[Place] = frozenset({"scratch", "build", "stream"})
_KEPT_FOLDERS = ("/etc/", "/boot/")


def locations(argument: Argument, state: State) -> list[Location]:
    """Where a path may lead, for every folder the script may be in."""
    found = (locate(argument.text, folder) for folder in state.folders)
    return [_on_own_ground(location, state.start) for location in found]


def _on_own_ground(location: Location, start: str) -> Location:
    """A project that lies in a scratch folder is no scratch: its files are somebody's."""
    path = location.path
    if location.place != "scratch" or locate(start).place != "scratch":
        return location
    if below(start, path):
        return replace(location, place="here")
    return replace(locate(path[len(start) + 1 :]), path=path) if below(path, start) else location


def deletion(argument: Argument, state: State, *, recursive: bool) -> Finding | None:
    """Judge the deletion of one path; None when it can be made again or is scratch."""
    found = [
        finding
        for location in locations(argument, state)
        if (finding := _deletion(location, argument, recursive=recursive)) is not None
    ]
    return next((each for each in found if each.verdict == "block"), found[0] if found else None)


def _deletion(location: Location, argument: Argument, *, recursive: bool) -> Finding | None:
    place, path = location.place, location.path
    shown = argument.text.replace(UNKNOWN, "…") or "''"
    gone = Loss("files", (argument.text,)) if argument.known else None
    if place in _SAFE:
        return None
    if _is_grave(location, recursive=recursive):
        lost = _NEVER.get(place, _NEVER["system"])
        rule = f"files.delete-{place.replace('inside_', '').replace('_', '-')}"
        return block(rule, f"Deletes {lost} ({shown}).", argument.span, "", gone)
    if place == "unknown":
        message = f"Deletes a path that is not known before it runs ({shown})."
        return confirm("files.delete-unknown", message, argument.span)
    if place in ("here", "above"):
        which = "current" if place == "here" else "parent"
        message = f"Deletes everything in the {which} folder."
        return confirm("files.delete-folder", message, argument.span, "", gone)
    kind = "and everything in it" if recursive else "for good"
    safer = "" if path.startswith("/") else "Commit it to git first, or move it under /tmp."
    return confirm("files.delete", f"Deletes {shown} {kind}.", argument.span, safer, gone)


def _is_grave(location: Location, *, recursive: bool) -> bool:
    """Whether the deletion must not happen at all."""
    place, path = location.place, location.path
    whole = recursive or location.contents
    if place in ("root", "home"):
        return whole
    if place == "settings":
        return recursive
    if place == "scratch_root":
        return not location.contents
    if place == "git_store":
        return whole or not path.endswith(("/index", "/config"))
    if path.startswith(_KEPT_FOLDERS) or place == "device":
        return True
    return place == "system" and (whole or path.startswith(("/proc", "/sys")))


def _remove(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments)
    recursive = options.has("-r", "-R", "--recursive") or command.name in ("srm", "trash", "rimraf")
    asks = options.last_of("-i", "-f", "--force", "--interactive") in ("-i", "--interactive")
    asks_once = options.last_of("-I", "-f", "--force") == "-I"
    asks = asks or (asks_once and (recursive or len(options.operands) > 3))
    for operand in options.operands:
        finding = deletion(operand, state, recursive=recursive)
        if finding is not None and not (asks and finding.verdict == "confirm"):
            yield finding


def _remove_folder(command: Command, state: State) -> Iterator[Finding]:
    """Rmdir takes only empty folders."""
    for operand in split(command.arguments).operands:
        finding = deletion(operand, state, recursive=False)
        if finding is not None and finding.verdict == "block":
            yield finding


def _shred(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-n -s --iterations --size --random-source"))
    recursive = command.name == "wipe" and options.has("-r", "-R")
    for operand in options.operands:
        place = locate(operand.text, state.folder).place
        if place == "device":
            yield block("disks.overwrite", "Overwrites a whole device.", operand.span)
        else:
            finding = deletion(operand, state, recursive=recursive)
            message = (
                f"Overwrites {operand.text.replace(UNKNOWN, '…')} so that it cannot come back."
            )
            yield (
                finding
                if finding is not None and finding.verdict == "block"
                else confirm("files.shred", message, operand.span)
            )


def _truncate(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-s -r --size --reference"))
    for operand in options.operands:
        location = locate(operand.text, state.folder)
        if location.place == "device" or f"{location.path}/".startswith(_KEPT_FOLDERS):
            yield block("files.empty-system", "Empties a file the system needs.", operand.span)
        elif location.place == "git_store" and not location.path.endswith(("/index", "/config")):
            message = "Empties a file of git's own store: history would be lost."
            yield block("files.empty-git-store", message, operand.span)
        elif location.place in ("inside_system", "settings", "system"):
            yield confirm("files.empty", f"Empties {operand.text}.", operand.span)


def _move(command: Command, state: State) -> Iterator[Finding]:
    """Moving takes a file away from where it was."""
    _, sources, target = copy_operands(command)
    for source in sources:
        for location in locations(source, state):
            if location.place in ("root", "system", "home", "git_store") or (
                location.path.startswith(("/etc/", "/boot/"))
            ):
                lost = _NEVER.get(location.place, "a system file")
                message = f"Moves away {lost} ({source.text})."
                yield block("files.move-system", message, source.span)
                break
            if location.place == "inside_system":
                yield confirm("files.move", f"Moves {source.text} away.", source.span)
                break
    if target is not None and target.text == "/dev/null":
        yield block(
            "files.move-to-nowhere", "Moves files to /dev/null: they are gone.", target.span
        )


_DELETERS = listed("rm unlink shred srm trash")


def _find(command: Command, state: State) -> Iterator[Finding]:
    plan = find_plan(command)
    deletes = plan.deletes
    for action in plan.actions:
        if action and action[0].text.rpartition("/")[2] in _DELETERS:
            deletes = action[0]
    if deletes is None:
        return
    for start in plan.starts:
        pattern = start.with_text(f"{start.text.rstrip('/')}/{UNKNOWN}")
        finding = deletion(pattern if plan.selects else start, state, recursive=True)
        if finding is None:
            continue
        if finding.verdict == "block" or not plan.selects:
            yield finding
        else:
            message = f"Deletes every file it finds below {start.text.replace(UNKNOWN, '…')}."
            safer = "Run it with -print instead first."
            yield confirm("files.find-delete", message, deletes.span, safer)


def _sync(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments, RSYNC_VALUES)
    if options.has("-n", "--dry-run") or not options.operands:
        return
    target = options.operands[-1]
    removes = options.has("--remove-source-files")
    deletes = [o for o in options.given if o.name.startswith("--del")]
    if removes:
        yield confirm(
            "files.rsync-remove-source", "Deletes the source files after copying.", command.span
        )
    if not deletes:
        return
    host = remote_host(target.text)
    path = target.text.partition(":")[2] if host else target.text
    finding = deletion(target.with_text(path or "."), State() if host else state, recursive=True)
    if finding is not None and finding.verdict == "block":
        yield finding
    else:
        yield confirm(
            "files.rsync-delete",
            "Deletes whatever the target has and the source has not.",
            target.span,
            "Run it with --dry-run first.",
        )


def _pack_away(command: Command, state: State) -> Iterator[Finding]:
    """`tar --remove-files` and `zip -m` delete what they have packed."""
    if command.name == "zip":
        options = split(command.arguments, listed("-x -i -P -n -t -tt -b"))
        sources = options.operands[1:] if options.has("-m", "--move") else ()
    else:
        options = tar_options(command)
        sources = options.operands if options.has("--remove-files") else ()
    for source in sources:
        finding = deletion(source, state, recursive=True)
        if finding is not None:
            yield finding


def _empty_trash(command: Command, _state: State) -> Iterator[Finding]:
    """What was thrown away can be fetched back, until the trash is emptied."""
    if command.name == "gio" and not (command.has_word("trash") and command.has_word("--empty")):
        return
    if not command.has_word("--dry-run", "--help", "--version"):
        yield confirm("files.empty-trash", "Empties the trash.", command.span)


RULES: Rules = {
    **dict.fromkeys(("tar", "bsdtar", "gtar", "zip"), (_pack_away,)),
    **dict.fromkeys(("trash-empty", "trash-rm", "gio"), (_empty_trash,)),
    **dict.fromkeys(("rm", "unlink", "srm", "trash", "grm", "rimraf", "del-cli"), (_remove,)),
    "rmdir": (_remove_folder,),
    **dict.fromkeys(("shred", "gshred", "wipe"), (_shred,)),
    "truncate": (_truncate,),
    **dict.fromkeys(("mv", "gmv"), (_move,)),
    **dict.fromkeys(("find", "gfind"), (_find,)),
    "rsync": (_sync,),
}
