"""Programs that run a command once for every item: xargs, parallel, find, fd."""

import re
from itertools import pairwise

from msgspec import Struct

from flowd.safety.command import Command, split
from flowd.safety.files import content_of
from flowd.safety.programs.effects import Code, Effects, Models, Run, Write
from flowd.safety.programs.printers import origins_of
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import NOWHERE, PASTED, UNKNOWN, Argument, Value, either, unknown, value_of

_MOST_ITEMS = 40
_XARGS_VALUES = listed(
    "-a -d -E -I -L -n -P -s --arg-file --delimiter --eof --replace --max-lines --max-args "
    "--max-procs --max-chars -R -S -J"
)
_PARALLEL_VALUES = listed(
    "-j -a -S -I -n -N -L -d -C --jobs --arg-file --sshlogin --results --joblog --timeout --delay "
    "--colsep --max-args --max-procs --retries --tmpdir --workdir --wd --halt --tagstring --load "
    "--memfree --nice --env --basefile --return --replace --delimiter"
)
_SHELLS = listed("sh bash zsh dash ksh ash fish eval python python3 perl ruby node")


def _xargs(command: Command, state: State) -> Effects:
    options = split(command.arguments, _XARGS_VALUES, first_operand_ends=True)
    inner = options.operands
    source = options.value("-a", "--arg-file")
    fed = content_of(source, state) if source is not None else command.stdin
    mark = options.value("-I", "-J", "--replace")
    token = mark.text if mark is not None else "{}"
    replaces = mark is not None or options.has("-i", "--replace")
    if not inner:
        return Effects(output=fed)
    nulls = options.has("-0", "--null")
    readings = _item_lists(fed, r"\0" if nulls else r"\n" if replaces else r"[\s\0]+")
    runs = []
    for items in readings:
        placed = [Argument(item.text, command.span, item.origins) for item in items]
        if replaces:
            runs += [Run(_filled(inner, token, item)) for item in placed]
        else:
            runs.append(Run((*inner, *(_pasted(item, inner) for item in placed))))
    return Effects(runs=tuple(runs[:_MOST_ITEMS]))


def _item_lists(fed: Value, separator: str) -> list[list[Argument]]:
    """The items of each reading of a text; one unknown item where it is not known."""
    lists = []
    for text in fed.texts:
        if UNKNOWN in text and not text.replace("\n", "").startswith(("/", ".", "~")):
            lists.append([Argument(UNKNOWN, (0, 0), fed.origins)])
            continue
        words = re.split(separator, text)
        lists.append([Argument(w.strip(), (0, 0), fed.origins) for w in words if w][:_MOST_ITEMS])
    return lists


def _is_code(inner: tuple[Argument, ...]) -> bool:
    """Whether the inner command takes code in an argument: items would become code."""
    names = {word.text.rpartition("/")[2] for word in inner}
    return bool(names & _SHELLS) and any(re.fullmatch(r"-\w*[ce]", word.text) for word in inner)


def _pasted(item: Argument, inner: tuple[Argument, ...]) -> Argument:
    """An item that lands after `sh -c`: it is code unless the code stands there already."""
    last = inner[-1].text
    if _is_code(inner) and re.fullmatch(r"-\w*[ce]", last):
        return Argument(item.text, item.span, item.origins | PASTED)
    return item


def _filled(inner: tuple[Argument, ...], token: str, item: Argument) -> tuple[Argument, ...]:
    """Put an item wherever the token stands in the inner command."""
    more = item.origins | (PASTED if _is_code(inner) else NOWHERE)
    return tuple(
        Argument(word.text.replace(token, item.text), word.span, word.origins | more)
        if token in word.text
        else word
        for word in inner
    )


def _parallel(command: Command, state: State) -> Effects:
    options = split(command.arguments, _PARALLEL_VALUES, first_operand_ends=True)
    if options.has("--dry-run", "--dryrun"):
        return Effects(output=unknown())
    words = options.operands
    texts = [word.text for word in words]
    marks = [i for i, text in enumerate(texts) if text in (":::", "::::", ":::+", "::::+")]
    inner = words[: marks[0]] if marks else words
    items: list[Argument] = []
    for start, end in pairwise([*marks, len(words)]):
        given = words[start + 1 : end]
        if texts[start].startswith("::::"):
            given = tuple(Argument(UNKNOWN, each.span) for each in given)
        items.extend(given)
    if not marks:
        source = options.value("-a", "--arg-file")
        fed = content_of(source, state) if source is not None else command.stdin
        for each in _item_lists(fed, r"[\n\0]"):
            items.extend(Argument(item.text, command.span, item.origins) for item in each)
    codes = []
    for item in items[:_MOST_ITEMS]:
        line = " ".join(word.text for word in inner)
        filled = re.sub(r"\{[./#%]*\}", item.text.replace("\\", r"\\"), line)
        text = filled if filled != line else f"{line} {item.text}".strip()
        origins = origins_of(inner) | item.origins
        if _is_code(inner):
            origins |= PASTED
        codes.append(Code("shell", value_of(text, origins), command.span))
    return Effects(output=unknown(), codes=tuple(codes))


FIND_ACTIONS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FIND_FILES = frozenset({"-fprint", "-fprint0", "-fls", "-fprintf"})
_FIND_TAKES_VALUE = listed(
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -type -xtype "
    "-mtime -mmin -atime -amin -ctime -cmin -newer -anewer -cnewer -size -perm "
    "-user -group -uid -gid -links -inum -samefile -lname -ilname -fstype "
    "-maxdepth -mindepth -printf -regextype -used -context -newermt -newerct -D "
    "-files0-from"
)
_SELECTS_NOTHING = listed(
    "-type -maxdepth -mindepth -depth -print -print0 -xdev -mount -delete -follow "
    "-daystart -noleaf -ignore_readdir_race -printf -ls -regextype -warn -nowarn "
    "-o -a -and -or ( ) -true -quit"
)


class FindPlan(Struct, frozen=True):
    """What a find command does: where it starts, whether it selects, what it does with hits.

    `name` is the pattern that file names must match, if there is one.
    """

    starts: tuple[Argument, ...]
    selects: bool
    name: str
    deletes: Argument | None
    actions: tuple[tuple[Argument, ...], ...]
    files: tuple[Argument, ...]

    @property
    def hits(self) -> Value:
        """The paths it finds, as far as they are known."""
        end = UNKNOWN if self.selects else "*"
        if self.name:
            end = f"{UNKNOWN}/{self.name}"
        texts = tuple(dict.fromkeys(f"{start.text.rstrip('/')}/{end}" for start in self.starts))
        return either([Value(texts, origins_of(self.starts))])


def find_plan(command: Command) -> FindPlan:
    """Read the arguments of find."""
    words = list(command.arguments)
    while words and words[0].text in ("-H", "-L", "-P", "-E", "-X", "-x", "-s", "-d"):
        words.pop(0)
    starts: list[Argument] = []
    while words and not words[0].text.startswith(("-", "(", "!")):
        starts.append(words.pop(0))
    selects = False
    name = ""
    deletes: Argument | None = None
    actions: list[tuple[Argument, ...]] = []
    files: list[Argument] = []
    position = 0
    while position < len(words):
        text = words[position].text
        if text in FIND_ACTIONS:
            end = _action_end(words, position + 1)
            actions.append(tuple(words[position + 1 : end]))
            position = end
        elif text in _FIND_FILES:
            files.extend(words[position + 1 : position + 2])
            position += 2 if text == "-fprintf" else 1
        elif text == "-delete":
            deletes = words[position]
        elif text in _FIND_TAKES_VALUE or text.startswith("-newer"):
            value = words[position + 1].text if position + 1 < len(words) else ""
            selects = selects or (text not in _SELECTS_NOTHING and value != "*")
            if text in ("-name", "-iname") and value != "*":
                name = value
            position += 1
        elif text not in _SELECTS_NOTHING:
            selects = True
        position += 1
    here = (Argument(".", command.span),)
    return FindPlan(tuple(starts) or here, selects, name, deletes, tuple(actions), tuple(files))


def _action_end(words: list[Argument], position: int) -> int:
    """Where an action's command ends: at `;`, or at `+` after `{}`."""
    while position < len(words) and words[position].text != ";":
        if words[position].text == "+" and words[position - 1].text == "{}":
            break
        position += 1
    return position


def _find(command: Command, _state: State) -> Effects:
    plan = find_plan(command)
    runs = []
    for inner in plan.actions:
        for hit in plan.hits.texts:
            item = Argument(hit, command.span, plan.hits.origins)
            runs.append(Run(_filled(inner, "{}", item)))
    output = Value(tuple(f"{text}\n" for text in plan.hits.texts), plan.hits.origins)
    writes = tuple(Write(target, unknown()) for target in plan.files)
    return Effects(output=output, writes=writes, runs=tuple(run for run in runs if run.arguments))


_FD_VALUES = listed(
    "-e -t -E -d -j -c -S -o --extension --type --exclude --max-depth --min-depth --threads --size "
    "--changed-within --changed-before --owner --search-path --base-directory --color"
)


def _fd(command: Command, _state: State) -> Effects:
    """`fd -x CMD`: everything after the option is the command."""
    texts = [argument.text for argument in command.arguments]
    for mark in ("-x", "-X", "--exec", "--exec-batch"):
        if mark in texts:
            place = texts.index(mark)
            inner = command.arguments[place + 1 :]
            runs = []
            for hit in _fd_hits(command.arguments[:place]):
                item = Argument(hit, command.span)
                filled = _filled(inner, "{}", item)
                runs.append(Run(filled if filled != inner else (*inner, item)))
            return Effects(output=unknown(), runs=tuple(runs))
    return Effects(output=value_of("".join(f"{hit}\n" for hit in _fd_hits(command.arguments))))


def _fd_hits(arguments: tuple[Argument, ...]) -> list[str]:
    """The paths fd finds: everything below its folders when nothing narrows the search."""
    options = split(arguments, _FD_VALUES)
    pattern, *folders = [operand.text for operand in options.operands] or ["."]
    folders += [each.text for each in options.values("--search-path", "--base-directory")]
    narrows = pattern not in ("", ".", ".*", "*") or options.has("-e", "-S", "--changed-within")
    end = UNKNOWN if narrows else "*"
    return [f"{folder.rstrip('/')}/{end}" for folder in folders] or [f"./{UNKNOWN}"]


MODELS: Models = {
    "xargs": _xargs,
    "gxargs": _xargs,
    "parallel": _parallel,
    "find": _find,
    "gfind": _find,
    "fd": _fd,
    "fdfind": _fd,
}
