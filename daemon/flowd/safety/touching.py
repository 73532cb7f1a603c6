"""What well-known programs do to files, as touches; the options that are known, and no others.

A program's function gives None for a call that it does not know for certain: then nobody can say
which files it touches. Paths are as they are written; `footprint.py` makes them absolute.
"""

import re
from collections.abc import Callable, Iterable

from flowd.domain.files import How, Touch
from flowd.safety.command import Command, Options, split
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument

Touches = list[Touch] | None
Touching = Callable[[Command], Touches]

_MODE = re.compile(r"[-+=ugoa,rwxXst0-7]+")
_PATTERN = re.compile(r"[*?\[]")


def has_pattern(text: str) -> bool:
    """Whether the shell would look for file names that match."""
    return _PATTERN.search(text) is not None


def _known(
    command: Command, flags: str, values: str = "", *, needs: int = 1
) -> tuple[Options, list[str]] | None:
    """The options and operands, if all are known."""
    options = split(command.arguments, listed(values))
    allowed = listed(flags) | listed(values)
    if any(option.name not in allowed for option in options.given):
        return None
    operands = [operand.text for operand in options.operands]
    return (options, operands) if len(operands) >= needs else None


def _each(how: How, flags: str, values: str = "") -> Touching:
    """Programs that do the same to every operand."""

    def touching(command: Command) -> Touches:
        known = _known(command, flags, values)
        return None if known is None else [Touch(path, how) for path in known[1]]

    return touching


def _mkdir(command: Command) -> Touches:
    known = _known(command, "-p -v --parents --verbose", "-m --mode")
    if known is None:
        return None
    options, paths = known
    if options.has("-p", "--parents"):
        paths = [above for path in paths for above in _above(path)]
    return [Touch(path, "made") for path in paths]


def _rmdir(command: Command) -> Touches:
    known = _known(command, "-p -v --parents --verbose --ignore-fail-on-non-empty")
    if known is None:
        return None
    options, paths = known
    if options.has("-p", "--parents"):
        paths = [above for path in paths for above in _above(path)]
    return [Touch(path, "emptied") for path in paths]


def _above(path: str) -> list[str]:
    """A path and those that lead to it, as far as they are written."""
    parts = path.rstrip("/").split("/")
    return [text for count in range(1, len(parts) + 1) if (text := "/".join(parts[:count]))]


def _chmod(command: Command) -> Touches:
    words = [argument.text for argument in command.arguments]
    recursive = False
    while words and words[0] in ("-R", "--recursive", "-v", "-f", "-c", "--verbose"):
        recursive = words.pop(0) in ("-R", "--recursive") or recursive
    if len(words) < 2 or not _MODE.fullmatch(words[0]):
        return None
    paths = words[2:] if words[1] == "--" else words[1:]
    if any(path.startswith("-") for path in paths):
        return None
    return [Touch(path, "marked_tree" if recursive else "marked") for path in paths]


_PLACING = "-f -n -v -i -u --force --no-clobber --verbose --interactive --update"


def _into(how: How, options: Options, operands: list[str], *, exact: bool) -> list[Touch] | None:
    """The touches of a target, by what is put there."""
    folder = options.value("-t", "--target-directory")
    if folder is None and len(operands) < 2:
        return None
    target = folder.text if folder is not None else operands[-1]
    sources = operands if folder is not None else operands[:-1]
    if has_pattern(target) or UNKNOWN in target:
        return None
    if exact:
        return [Touch(target, how)] if len(sources) == 1 else None
    return [Touch(target, how, source) for source in sources]


def _cp(command: Command) -> Touches:
    flags = f"{_PLACING} -r -R -a -p -d -L -P -H -x -T --recursive --archive --no-dereference"
    known = _known(command, f"{flags} --dereference --reflink --preserve", "-t --target-directory")
    if known is None:
        return None
    options, operands = known
    if options.has("-T"):
        return None
    tree = options.has("-r", "-R", "-a", "--recursive", "--archive", "-d", "-P", "--no-dereference")
    return _into("copied_tree" if tree else "copied", options, operands, exact=False)


def _mv(command: Command) -> Touches:
    known = _known(command, f"{_PLACING} -T --no-target-directory", "-t --target-directory")
    if known is None:
        return None
    options, operands = known
    exact = options.has("-T", "--no-target-directory")
    placed = _into("moved", options, operands, exact=exact)
    if placed is None:
        return None
    gone = operands if options.has("-t", "--target-directory") else operands[:-1]
    return [*(Touch(path, "moved_away") for path in gone), *placed]


def _ln(command: Command) -> Touches:
    flags = "-s -f -n -v -T -r --symbolic --force --no-dereference --relative --verbose"
    known = _known(command, f"{flags} --no-target-directory", "-t --target-directory")
    if known is None:
        return None
    options, operands = known
    if len(operands) == 1 and not options.has("-t", "--target-directory"):
        operands = [*operands, "."]
    how: How = "linked_over" if options.has("-n", "--no-dereference") else "linked"
    return _into(how, options, operands, exact=options.has("-T", "--no-target-directory"))


def _dd(command: Command) -> Touches:
    pairs = [argument.text.partition("=") for argument in command.arguments]
    if any(not equals for _, equals, _ in pairs):
        return None
    return [Touch(value, "written") for name, _, value in pairs if name == "of"]


def _sed(command: Command) -> Touches:
    """Only what is called here: sed that edits files in place."""
    flags = "-n -E -r -s -u -z -i --in-place --quiet --silent --regexp-extended --separate"
    values = "-e --expression"
    words: list[Argument] = []
    ending = ""
    for argument in command.arguments:
        match = re.fullmatch(r"(?:-[nErsuz]*i|--in-place=)(.+)", argument.text)
        if match is not None:
            ending = match[1]
        words.append(argument.with_text("-i") if match is not None else argument)
    options = split(words, listed(values))
    if any(option.name not in listed(flags) | listed(values) for option in options.given):
        return None
    if "*" in ending or "/" in ending or UNKNOWN in ending:
        return None
    scripted = options.has("-e", "--expression")
    paths = [operand.text for operand in options.operands[0 if scripted else 1 :]]
    touches = [Touch(path, "written") for path in paths]
    backups = [Touch(path, "written", ending=ending) for path in paths if ending]
    return backups + touches


def _packer(suffix: str) -> Touching:
    """Programs that replace files by packed ones."""

    def touching(command: Command) -> Touches:
        levels = " ".join(f"-{level}" for level in range(1, 10))
        known = _known(command, f"-k -f -v -q -n -c --keep --force --stdout --best --fast {levels}")
        if known is None:
            return None
        options, paths = known
        if options.has("-c", "--stdout"):
            return []
        packed = [Touch(path, "written", ending=suffix) for path in paths]
        return packed + [Touch(path, "moved_away") for path in paths]

    return touching


def _unpacker(suffix: str) -> Touching:
    """The same, the other way round."""

    def touching(command: Command) -> Touches:
        known = _known(command, "-k -f -v -q -c --keep --force --stdout")
        if known is None:
            return None
        options, paths = known
        if options.has("-c", "--stdout"):
            return []
        if any(not path.endswith(suffix) or has_pattern(path) for path in paths):
            return None
        made = [Touch(path.removesuffix(suffix), "written") for path in paths]
        return made + [Touch(path, "moved_away") for path in paths]

    return touching


def _git(command: Command) -> Touches:
    """Files that git removes or puts back in the working tree; the index stays as it is."""
    words = [argument.text for argument in command.arguments]
    match words:
        case ["clean", *rest]:
            return _git_clean(rest)
        case ["checkout", "--", *paths] if paths:
            return _git_written(paths)
        case ["restore", *paths]:
            paths = [path for path in paths if path not in ("--", "-W", "--worktree", "-q")]
            return _git_written(paths) if paths else None
    return None


def _git_clean(words: Iterable[str]) -> Touches:
    letters, paths = "", []
    for word in words:
        if re.fullmatch(r"-[fdxXq]+", word):
            letters += word[1:]
        elif word == "--force":
            letters += "f"
        elif not word.startswith("-") or word == "--":
            paths += [word] if word != "--" else []
        else:
            return None
    if "f" not in letters or letters.count("f") > 1 or not _plain_pathspecs(paths):
        return None
    which: tuple[str, ...] = () if "x" in letters else ("--exclude-standard",)
    if "X" in letters:
        which = ("--ignored", "--exclude-standard")
    folders = ("--directory",) if "d" in letters else ()
    ask = ("ls-files", "-z", "--others", *which, *folders, "--", *paths)
    return [Touch(".", "deleted", ask=ask)]


def _git_written(paths: list[str]) -> Touches:
    if not _plain_pathspecs(paths):
        return None
    return [Touch(".", "written", ask=("diff", "-z", "--name-only", "--relative", "--", *paths))]


def _plain_pathspecs(paths: list[str]) -> bool:
    return not any(
        path.startswith((":", "-", "/")) or ".." in path or has_pattern(path) or UNKNOWN in path
        for path in paths
    )


TOUCHING: dict[str, Touching] = {
    "rm": _each(
        "deleted",
        "-r -R -f -i -I -v -d --recursive --force --verbose --dir --one-file-system "
        "--preserve-root",
    ),
    "unlink": _each("deleted", ""),
    "rmdir": _rmdir,
    "mkdir": _mkdir,
    "touch": _each(
        "marked", "-a -m -c -h --no-create --no-dereference", "-d -t -r --date --reference"
    ),
    "tee": _each("written", "-a -i -p --append --ignore-interrupts"),
    "truncate": _each("written", "-c -o --no-create", "-s -r --size --reference"),
    "chmod": _chmod,
    "cp": _cp,
    "mv": _mv,
    "ln": _ln,
    "dd": _dd,
    "sed": _sed,
    "gzip": _packer(".gz"),
    "bzip2": _packer(".bz2"),
    "xz": _packer(".xz"),
    "gunzip": _unpacker(".gz"),
    "bunzip2": _unpacker(".bz2"),
    "unxz": _unpacker(".xz"),
    "git": _git,
}
"""By name, for calls that `read_only.allows` does not."""
