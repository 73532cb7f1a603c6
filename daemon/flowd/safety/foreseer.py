"""A walk that notes which files a script touches, and gives up on what it only nearly follows."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flowd.domain.files import Touch
from flowd.safety import builtins, nested, read_only
from flowd.safety.calls import Status
from flowd.safety.command import Command
from flowd.safety.expand import Arguments, expand_words
from flowd.safety.files import PIPE
from flowd.safety.findings import Trace
from flowd.safety.programs.effects import Code, Run
from flowd.safety.state import State, Variable, join
from flowd.safety.subtle import HOSTILE, subtlety
from flowd.safety.syntax import (
    AndOr,
    Case,
    ForEach,
    Script,
    SimpleCommand,
    Span,
    Statement,
    Substitution,
    While,
    Word,
)
from flowd.safety.tables import listed
from flowd.safety.touching import TOUCHING, has_pattern
from flowd.safety.value import ANYTHING, UNKNOWN, Argument, Value, value_of
from flowd.safety.walk import Walk

MOST_TOUCHES = 2_000
MOST_ROUNDS = 200  # of a loop over words that are written in the script

_WRAPPERS = listed("env nice ionice timeout nohup time stdbuf setsid chrt taskset bash sh dash")
_SEE_THROUGH = _WRAPPERS | listed("command builtin exec eval source .")
_SHELLS = listed("bash sh dash")
_WRITES_SOMETIMES = listed(
    "script iconv xxd uniq less more man info top htop pdftotext exiftool pygmentize sdiff vimdiff "
    "pip-audit npm pnpm yarn go cargo terraform helm brew apt apt-get dnf gh crontab sudo doas ssh "
    "psql mysql mariadb sqlite3 duckdb strace busybox toybox watch parallel unbuffer fzf date "
    "hostname hostnamectl timedatectl loginctl journalctl dmesg tput sensors enable hash zsh ksh "
    "ash identify ffprobe"
)
"""Programs the judge takes for readers, and that may leave a file behind."""

_NOWHERE = ("", "/dev/null", "/dev/tty")
_FRESH_FILE = re.compile(re.escape(PIPE) + r"fresh-file-\d+")
"""A file of `mktemp`, which nobody else has."""
_PRINTERS = listed("echo printf basename dirname pwd")
"""Programs whose output is known to the letter, when they are called simply."""
_PLAIN_FORMAT = re.compile(r"(?:[^%\\]|%s|%%|\\n)*")

_QUIET_BUILTINS = listed(
    "cd pushd popd set shift read mapfile readarray trap unset exec eval source . printf echo "
    "getopts command builtin true false : wait jobs fg bg disown type times ulimit umask test [ "
    "exit logout sleep alias unalias complete compgen dirs"
)
_HARMLESS_OPTIONS = re.compile(r"-s|-u|-q|-p|nullglob|failglob|inherit_errexit")
_SET_FLAGS = re.compile(r"[-+](?:[euxvnCh]*|[euxvnC]*o)|pipefail|errexit|nounset|xtrace|--")

_DOUBTS = listed("shell.not-understood shell.unknown-program shell.hidden-characters")


class OnlyPipes(dict[str, Value]):
    """What pipes hold. What files hold by now is not relied on: anybody may have changed them."""

    def __setitem__(self, path: str, value: Value) -> None:
        if path.startswith(PIPE):
            super().__setitem__(path, value)


class Foreseer(Walk):
    """A walk that collects touches, and gives up on what it cannot follow to the letter."""

    def __init__(self, trace: Trace):
        super().__init__(trace)
        self.touches: list[Touch] = []  # in order, which matters, and with repeats
        self.unclear = ""
        self._opaque = 0  # around the current place, nothing may be touched
        self._rounds = 0  # loops around the current place that are followed round by round
        self._lax = False  # the script may have switched `-e` off
        self._fresh = 0

    # ------------------------------------------------------------------------------- touches

    def give_up(self, reason: str) -> None:
        """Keep the first reason why the footprint is not complete."""
        self.unclear = self.unclear or reason

    def look_for_doubts(self) -> None:
        """Give up when the walk itself had doubts."""
        if any(finding.rule in _DOUBTS for finding in self.trace.findings):
            self.give_up("it cannot be understood")

    def touch(self, touch: Touch, state: State) -> None:
        """Note a touch with its paths made absolute."""
        path = self._place(touch.path, state)
        source = self._place(touch.source, state) if touch.source else ""
        if path is None or source is None:
            self.give_up("a path is known only when it runs")
        elif path.startswith(PIPE) or path in _NOWHERE:
            return
        elif path.startswith(("/dev/", "/proc/", "/sys/")):
            self.give_up("it writes to a device")
        elif self._opaque:
            self.give_up("what it does depends on what it finds")
        elif len(self.touches) >= MOST_TOUCHES:
            self.give_up("it touches too many files")
        elif source.startswith(PIPE) and not (
            touch.how == "copied" or (touch.how == "moved" and _FRESH_FILE.fullmatch(source))
        ):
            self.give_up("it moves what it made itself")
        else:
            self.touches.append(Touch(path, touch.how, source, touch.ending, touch.ask))

    def _place(self, text: str, state: State) -> str | None:
        """An absolute path, as it is written; None when it is not known, "" for none."""
        if UNKNOWN in text or any("\ue000" < character <= "\uf8ff" for character in text):
            return None
        if text == "" or text.startswith("/"):
            return text
        folder = state.folder
        if len(state.folders) != 1 or not folder.startswith("/") or UNKNOWN in folder:
            return None
        return f"{folder.rstrip('/')}/{text}"

    def _open_for_writing(self, target: Argument, path: str, state: State, *, append: bool) -> None:
        if append and not (path.startswith(PIPE) or path in _NOWHERE):
            self.give_up("it adds to a file, to which others may add as well")
        text = path if target.text.startswith(("/dev/", "/proc/")) else target.text
        if not text.startswith(("/dev/std", "/dev/fd/")):
            self.touch(Touch(text, "written"), state)
        super()._open_for_writing(target, path, state, append=append)

    # -------------------------------------------------------------------------------- programs

    def _call(
        self, command: Command, builtin: builtins.Builtin | None, state: State, *, is_script: bool
    ) -> Status:
        if builtin is not None:
            self._look_at_builtin(command, state)
        elif is_script or nested.is_local_script(command.program.text):
            self.give_up(f"nobody can tell what {command.program.text} does")
        else:
            self._look_at_program(command, state)
        super()._call(command, builtin, state, is_script=is_script)
        if builtin is not None:
            self._forget_what_it_set(command, state)
        return None

    def _look_at_program(self, command: Command, state: State) -> None:
        name = command.name
        if name == "mktemp":
            if any(not a.text.startswith("-") for a in command.arguments) or command.has_word("-p"):
                self.give_up("it makes a file whose name is not known")
        elif name in _SHELLS and not _runs_plainly(command):
            self.give_up(f"nobody can tell what {name} does with these options")
        elif name in _WRAPPERS:
            if name == "time" and any(
                a.text.startswith(("-o", "--output")) for a in command.arguments
            ):
                self.give_up("it writes a file that is not looked at")
        elif name not in _WRITES_SOMETIMES and read_only.allows(command):
            return
        elif name not in TOUCHING:
            self.give_up(f"nobody can tell what {name} changes")
        else:
            touches = TOUCHING[name](command)
            if touches is None:
                self.give_up(f"nobody can tell what {name} changes when it is called like this")
            for touch in touches or ():
                self.touch(touch, state)

    def _look_at_builtin(self, command: Command, state: State) -> None:
        name = command.name
        words = [argument.text for argument in command.arguments]
        if name in ("return", "break", "continue"):
            if name == "return" or self._rounds or not self._opaque:
                self.give_up(f"it has a {name}")
        elif name == "shopt":
            if not all(_HARMLESS_OPTIONS.fullmatch(word) for word in words):
                self.give_up("it changes how the shell reads it")
        elif name not in _QUIET_BUILTINS:
            self.give_up(f"nobody can tell what {name} changes")
        elif name == "cd":
            if len(words) > 1 or any(has_pattern(w) or w.startswith(("-", "+")) for w in words):
                state.folders = (UNKNOWN,)
                self.give_up("the folder is known only when it runs")
        elif name == "pushd":
            if len(words) != 1 or has_pattern(words[0]) or words[0].startswith(("-", "+")):
                self.give_up("the folder is known only when it runs")
        elif name == "set":
            self._lax = self._lax or any(word.startswith("+") for word in words)
            if any(not _SET_FLAGS.fullmatch(word) for word in words):
                self.give_up("it changes how the shell reads it")
        elif name in ("eval", "exec", "source", ".") and any(
            map(has_pattern, words[: 1 if name == "exec" else None])
        ):
            self.give_up("a program is known only when it runs")

    def _forget_what_it_set(self, command: Command, state: State) -> None:
        """What `read` and its like find is not known to the letter."""
        words = [argument.text for argument in command.arguments]
        if command.name in ("read", "mapfile", "readarray", "getopts"):
            for name in [*words, "REPLY", "MAPFILE", "OPTARG"]:
                if name.isidentifier():
                    state.variables[name] = Variable(ANYTHING)
        if command.name == "printf" and words[:1] == ["-v"] and len(words) > 1:
            state.variables[words[1]] = Variable(ANYTHING)

    def _print(self, output: Value | None, command: Command, state: State) -> None:
        words = [argument.text for argument in command.arguments]
        if command.name == "mktemp":
            self._fresh += 1
            kind = "file" if not words else "folder"
            output = value_of(f"{PIPE}fresh-{kind}-{self._fresh}\n")
        elif command.name not in _PRINTERS or not _prints_plainly(command.name, words):
            output = ANYTHING
        super()._print(output, command, state)

    def inner(self, run: Run, command: Command, state: State) -> None:
        """Only a few wrappers are sure to run exactly what they are given."""
        if run.clears_environment:
            self.give_up("it clears the environment")
        with self._within(state, opaque=command.name not in _SEE_THROUGH):
            super().inner(run, command, state)

    def code(self, code: Code, command: Command, state: State) -> Status:
        """Shell text is followed; other languages may only read."""
        if code.language == "shell":
            return self._shell_code(code, command, state)
        before, self.trace.read_only = self.trace.read_only, True
        super().code(code, command, state)
        if not self.trace.read_only:
            self.give_up(f"nobody can tell what its {code.language} changes")
        self.trace.read_only = before
        return None

    def _shell_code(self, code: Code, command: Command, state: State) -> Status:
        text = code.source.only
        if text is None or code.remote:
            self.give_up("it runs a script that is not seen")
        elif command.name in ("sh", "dash") and subtlety(text, "sh"):
            self.give_up("sh may read it in another way than bash")
        if any(has_pattern(each.text) for each in code.arguments or ()):
            self.give_up("it hands file names on that are known only when it runs")
        if code.shares:
            opaque = command.name not in _SEE_THROUGH
            self._opaque += opaque
            super().code(code, command, state)
            self._opaque -= opaque
            return None
        with self._within(state, opaque=command.name not in _SEE_THROUGH):
            super().code(code, command, state)
        return None

    @contextmanager
    def _within(self, state: State, *, opaque: bool) -> Iterator[None]:
        """Inside another process: `-e` does not hold there."""
        outside, state.stops_on_error = state.stops_on_error, False
        self._opaque += opaque
        yield
        self._opaque -= opaque
        state.stops_on_error = outside

    def look_at_variable(self, name: str, state: State, span: Span) -> None:
        """Commands in variables are for programs that are given up on; the shell's own count."""
        if name in HOSTILE or name.startswith("BASH_FUNC_") or name == "IFS":
            self.give_up(f"it sets {name}")

    # -------------------------------------------------------------------- names and assignments

    def simple(self, command: SimpleCommand, state: State) -> Status:
        """Local variables and arrays of file names are not followed."""
        first = command.words[0] if command.words else None
        name = first.plain if isinstance(first, Word) else None
        if name in builtins.DECLARATIONS:
            flags = [w.plain for w in command.words[1:] if isinstance(w, Word) and w.plain]
            if self._active or any(f.startswith("-") and f.strip("-xrga") for f in flags):
                self.give_up("it declares variables in a way that is not followed")
        super().simple(command, state)
        assigned = [*command.assignments, *(w for w in command.words if not isinstance(w, Word))]
        for each in assigned:
            if each.index:
                self.give_up("it sets single elements of an array")
            elements = state.variable(each.name).elements or ()
            if any(has_pattern(text) for element in elements for text in element.texts):
                state.variables[each.name] = Variable(ANYTHING)
        return None

    def _own(self, words: Arguments, state: State, span: Span) -> tuple[Status] | None:
        name = words[0].text
        if name in state.functions and (
            name in self._active or any(has_pattern(word.text) for word in words[1:])
        ):
            self.give_up(f"what {name} does depends on what it finds")
        return super()._own(words, state, span)

    def branch(self, state: State) -> State:
        """Another way the script may go: it relies on no file's content either."""
        made = super().branch(state)
        files = OnlyPipes()
        files.update(made.files)
        made.files = files
        return made

    # --------------------------------------------------------------------------- flow of control

    def statement(self, statement: Statement, state: State) -> Status:
        """Nothing is sure to succeed or to fail."""
        super().statement(statement, state)
        return None  # a redirect, or a full disk, can make anything fail

    def condition(self, statements: Sequence[Statement], state: State) -> Status:
        """`-e` does not hold here."""
        with self._unheeded(state):
            return super().condition(statements, state)

    @contextmanager
    def _unheeded(self, state: State) -> Iterator[None]:
        """Where failing does not end the script."""
        outside, state.stops_on_error = state.stops_on_error, False
        yield
        state.stops_on_error = outside and not self._lax

    def _and_or(self, chain: AndOr, state: State) -> Status:
        with self._unheeded(state):
            return super()._and_or(chain, state)

    def capture(self, script: Script, state: State) -> Value:
        """What is printed is known of one simple command only; bash has no `-e` here."""
        with self._unheeded(state):
            value = super().capture(script, state)
        simple = len(script.statements) == 1 and isinstance(script.statements[0], SimpleCommand)
        return value if simple else ANYTHING

    def channel(self, substitution: Substitution, state: State) -> str:
        """As in `capture`."""
        with self._unheeded(state):
            return super().channel(substitution, state)

    def _case(self, statement: Case, state: State) -> Status:
        expand_words([statement.subject], state, self)
        ends = []
        for patterns, body in statement.items:
            expand_words(patterns, state, self)
            ends.append(self.branch(state))
            self.sequence(body, ends[-1])
        for end in ends:
            join(state, end)
        return None

    def _for_each(self, loop: ForEach, state: State) -> Status:
        readings = (
            [state.positional or ()]
            if loop.words is None
            else expand_words(loop.words, state, self)
        )
        items = [argument.text for argument in readings[0]]
        plain = not any(UNKNOWN in item or has_pattern(item) for item in items)
        if len(readings) > 1 or len(items) > MOST_ROUNDS or not plain or loop.words is None:
            with self._again_and_again(state):
                state.variables[loop.name] = Variable(ANYTHING)
                self.sequence(loop.body, state)
            state.variables[loop.name] = Variable(ANYTHING)
            return None
        self._rounds += 1
        for item in items:
            state.assign(loop.name, value_of(item))
            self.sequence(loop.body, state)
        self._rounds -= 1
        return None

    def _while(self, loop: While, state: State) -> Status:
        with self._again_and_again(state):
            self.condition(loop.condition, state)
            self.sequence(loop.body, state)
        return None

    @contextmanager
    def _again_and_again(self, state: State) -> Iterator[None]:
        """A loop nobody can count: nothing may be touched in it, and what it changes is unknown."""
        rounds, self._rounds = self._rounds, 0
        self._opaque += 1
        before = state.copy()
        yield
        self._opaque -= 1
        self._rounds = rounds
        for name, variable in list(state.variables.items()):
            if before.variables.get(name) != variable:
                state.variables[name] = Variable(ANYTHING)
        for name in before.variables.keys() - state.variables.keys():
            state.variables[name] = Variable(ANYTHING)
        if before.functions != state.functions or before.positional != state.positional:
            self.give_up("a loop changes what names mean")
        if before.folders != state.folders:
            state.folders = (UNKNOWN,)


def _runs_plainly(command: Command) -> bool:
    """Whether a shell is called as `bash -ec TEXT` or `bash FILE`, with plain options only."""
    options = [a.text for a in command.arguments if a.text.startswith(("-", "+"))]
    return all(re.fullmatch(r"-[ceux]+", option) for option in options)


def _prints_plainly(name: str, words: list[str]) -> bool:
    if any(has_pattern(word) or "\\" in word for word in words if name != "printf"):
        return False
    if name == "printf":
        return (
            bool(words)
            and bool(_PLAIN_FORMAT.fullmatch(words[0]))
            and not any(has_pattern(word) or "\\" in word for word in words[1:])
        )
    if name == "echo":
        words = words[1:] if words[:1] == ["-n"] else words
        return not words or not words[0].startswith("-")
    return not any(word.startswith("-") for word in words)
