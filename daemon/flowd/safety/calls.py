"""One simple command: what its words become, who is called, and what that does."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from msgspec.structs import replace

from flowd.domain.foresight import Effect
from flowd.safety import builtins, foreseen, nested, parameters, read_only, rules, uses
from flowd.safety.command import Command
from flowd.safety.expand import Arguments, expand_words
from flowd.safety.files import CONNECTION, PIPE, content, content_of, resolve, store
from flowd.safety.findings import TooMuch, Trace, block, confirm
from flowd.safety.policy import bounds
from flowd.safety.programs import MODELS, settings
from flowd.safety.programs.effects import NOTHING, Code, Effects, Run, Send, Write
from flowd.safety.programs.interpreters import plain_name
from flowd.safety.rules import exfiltration, variables, writing
from flowd.safety.state import TERMINAL, Body, State, Variable, join
from flowd.safety.syntax import (
    Redirect,
    Script,
    SimpleCommand,
    Span,
    Statement,
    Substitution,
    Word,
)
from flowd.safety.value import NOWHERE, UNKNOWN, Argument, Value

MAX_DEPTH = 40
_PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")

Status = bool | None
"""How a statement ends: True is success, None is not known."""


class Calls(ABC):
    """The half of a walk that calls programs; `Walk` is the half that follows statements."""

    def __init__(self, trace: Trace):
        self.trace = trace
        self.depth = 0
        self.called: set[str] = set()
        self.place: Span = (0, 0)  # of the command that is being followed
        self.side_by_side = 0  # pipelines and background jobs around the current place
        # By name: the bodies of functions being called, and `side_by_side` then.
        self._active: dict[str, dict[Body, int]] = {}

    @abstractmethod
    def script(self, script: Script, state: State) -> Status:
        """Follow a parsed script."""

    @abstractmethod
    def text(self, text: str, span: Span | None, state: State) -> None:
        """Parse and follow shell text."""

    @abstractmethod
    def statement(self, statement: Statement, state: State) -> Status:
        """Follow one statement."""

    @abstractmethod
    def capture(self, script: Script, state: State) -> Value:
        """Follow `$(script)` and give what it prints."""

    @abstractmethod
    def prompt(self, text: str, state: State) -> Value:
        """Follow what a prompt runs, and give what it shows."""

    @abstractmethod
    def channel(self, substitution: Substitution, state: State) -> str:
        """Follow `<(script)` and give its path."""

    @abstractmethod
    def redirect(self, redirects: Sequence[Redirect], state: State) -> dict[int, str]:
        """Give the descriptors a command has after its redirects."""

    @abstractmethod
    def new_pipe(self) -> str:
        """A path no other content has."""

    # ------------------------------------------------------------------------------- names

    def simple(self, command: SimpleCommand, state: State) -> Status:
        """Follow a simple command: assignments, redirects, then every reading of its words."""
        self.trace.spend()
        self.place = command.span
        if not command.words:
            for each in command.assignments:
                builtins.assign(self, each, state)
                self.look_at_variable(each.name, state, each.span)
            if command.redirects:
                self.redirect(command.redirects, state)
            return None if command.redirects else True
        first = command.words[0]
        name = first.plain if isinstance(first, Word) else None
        if name in builtins.DECLARATIONS and name not in state.functions:
            return builtins.declare(self, command, state)
        plain = [word for word in command.words if isinstance(word, Word)]
        readings = expand_words(plain, state, self)
        before: dict[str, Variable | None] = {}
        for each in command.assignments:
            before[each.name] = state.variables.get(each.name)
            builtins.assign(self, each, state, exported=True)
            self.look_at_variable(each.name, state, each.span)
        outside = state.descriptors
        if command.redirects:
            state.descriptors = self.redirect(command.redirects, state)
        status = self._one_of(readings, state, command.span)
        if name != "exec" or len(plain) > 1:
            state.descriptors = outside
        for variable, value in before.items():
            if value is None:
                state.variables.pop(variable, None)
            else:
                state.variables[variable] = value
        return status

    def _one_of(self, readings: list[Arguments], state: State, span: Span) -> Status:
        """Follow every reading a command's words may have; what each leaves behind is joined."""
        branches = [state, *(self.branch(state) for _ in readings[1:])]
        status: Status = None
        for reading, branch in zip(readings, branches, strict=True):
            status = self.words(reading, branch, span) if reading else None
        for branch in branches[1:]:
            join(state, branch)
        return status if len(readings) == 1 else None

    def note_reading(self, name: str) -> None:
        """Note that a variable is read which the script has not set."""
        if name.isidentifier():
            self.trace.read(name, self.place)

    def branch(self, state: State) -> State:
        """Another way the script may go. What joining it again will cost is paid for now."""
        self.trace.spend(1 + len(state.variables) // 100)
        return state.copy()

    def words(
        self, words: Arguments, state: State, span: Span, *, own_names: bool = True
    ) -> Status:
        """Call a program by its words; `own_names`: functions and aliases come first."""
        self.trace.spend()
        program = self._found(words[0])
        base = program.text.rpartition("/")[2]
        if program.origins & {"network"}:
            self.trace.add(
                block("code.from-network", "Runs a command that comes from the network.", span)
            )
        written = "/" in program.text and resolve(program.text, state) in state.files
        if not written and UNKNOWN in base:
            self.trace.read_only = False
            message = "Nobody can say which program this runs before it runs."
            self.trace.add(confirm("shell.unknown-program", message, program.span))
            return None
        if not base:
            return None
        if own_names:
            called = self._own(words, state, span)
            if called is not None:
                return called[0]
        builtin = None
        if program.text == base and base not in state.disabled:
            builtin = builtins.BUILTINS.get(base)
        if builtin is None:
            base = state.hashed.get(base, base).rpartition("/")[2]
        command = Command(
            plain_name(base),
            program,
            words[1:],
            content(state.descriptors.get(0, ""), state),
            span,
            state.descriptors.get(0, ""),
            state.descriptors.get(1, TERMINAL),
        )
        self.trace.called(command, self.depth)
        policy = self.trace.policy
        if policy is None:
            return self._call(command, builtin, state, is_script=written)
        ruling = policy.judge(command, state.folder)
        for finding in (*ruling.findings, *bounds.judge_command(policy, command, state.folder)):
            self.trace.add(finding)
        with self.trace.agreed(ruling.allowed) if ruling.allowed else nullcontext():
            return self._call(command, builtin, state, is_script=written)

    @staticmethod
    def _found(program: Argument) -> Argument:
        """`/b?n/r[m]` is whatever program the shell finds by that pattern."""
        folder, slash, pattern = program.text.rpartition("/")
        if not slash or not re.search(r"[*?\[]", program.text) or UNKNOWN in program.text:
            return program
        if not any(parameters.matches(each, folder) for each in _PROGRAM_FOLDERS):
            return program
        return program.with_text(f"/usr/bin/{rules.destructive_name_like(pattern) or UNKNOWN}")

    def _call(
        self, command: Command, builtin: builtins.Builtin | None, state: State, *, is_script: bool
    ) -> Status:
        """Ask the rules about a command, then do what it does."""
        uses.note(command, state, self.trace, is_builtin=builtin is not None or is_script)
        if builtin is None and (is_script or nested.is_local_script(command.program.text)):
            nested.run_local_script(self, command, state)
            return None
        if command.name in ("mkfifo", "mknod"):
            self.trace.concurrent = True
        for finding in rules.judge(command, state):
            self.trace.add(finding)
        if self.trace.read_only and not read_only.allows(command):
            self.trace.read_only = False
        if builtin is not None:
            return builtin(self, command, state)
        self.program(command, state)
        return None

    def _own(self, words: Arguments, state: State, span: Span) -> tuple[Status] | None:
        """Call a function or an alias of the script; None when the name is (also) a program."""
        name = words[0].text
        alias = state.aliases.get(name)
        if alias is not None and alias.split()[:1] != [name]:
            line = " ".join([alias, *(nested.quoted(word.text) for word in words[1:])])
            with self.deeper():
                self.text(line, span, replace(state.fork(), aliases={}))
        bodies = state.functions.get(name)
        if not bodies:
            return None
        self.called.add(name)
        active = self._active.get(name, {})
        # A function may put another in its own place and call that: only a body calls itself.
        if all(body in active for body in bodies):
            if self.side_by_side > min(active[body] for body in bodies):
                message = "Calls itself side by side, without end: the machine stops answering."
                self.trace.add(block("processes.fork-bomb", message, span))
            return (None,)
        self._active[name] = active | dict.fromkeys(bodies, self.side_by_side)
        outside, state.positional = state.positional, words[1:]
        for body in bodies:
            if body is not None and body not in active:
                with self.deeper():
                    self.statement(body, state)
        state.positional = outside
        self._active[name] = active
        return None if None in bodies else (None,)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level further inside; raises TooMuch when that is too deep."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooMuch
        yield
        self.depth -= 1

    # ---------------------------------------------------------------------------- programs

    def program(self, command: Command, state: State) -> None:
        """Carry out what a program does."""
        if rules.only_shows_help(command):
            return
        model = MODELS.get(command.name)
        effects = model(command, state) if model is not None else NOTHING
        runs = effects.runs or effects.codes or effects.writes or effects.sends
        if not runs and settings.prints_completions(command):
            effects = settings.SETTINGS
        if model is None:
            nested.look_for_inner_command(self, command, state)
        self.carry_out(effects, command, state)
        if (not effects.runs and not effects.codes) or effects.output is not None:
            self._print(effects.output, command, state)

    def carry_out(self, effects: Effects, command: Command, state: State) -> None:
        """Follow writes, sends and what else is run."""
        for write in effects.writes:
            self.write(write, state)
        for send in effects.sends:
            for finding in exfiltration.sending(send):
                self.trace.add(finding)
            if self.trace.policy is not None:
                for finding in bounds.judge_connection(self.trace.policy, send.span):
                    self.trace.add(finding)
        for run in effects.runs:
            self.inner(run, command, state)
        for code in effects.codes:
            self.code(code, command, state)

    def _print(self, output: Value | None, command: Command, state: State) -> None:
        """Give a program's output to where its standard output leads."""
        path = command.stdout_path
        if path == TERMINAL:
            return
        value = output if output is not None else _likely_output(command, state)
        if CONNECTION.fullmatch(path):
            send = Send(value, path, command.span, files=True)
            for finding in exfiltration.sending(send):
                self.trace.add(finding)
            return
        store(path, value, state, append=True)
        self._arrived(path, value, command.span, state)

    def write(self, write: Write, state: State) -> None:
        """A program writes a file."""
        path = resolve(write.target.text, state)
        if path == TERMINAL or write.target.text == "-":
            return
        if CONNECTION.fullmatch(path):
            send = Send(write.value, path, write.target.span, files=True)
            for finding in exfiltration.sending(send):
                self.trace.add(finding)
            return
        if not path.startswith((PIPE, "/dev/null", "/dev/std", "/dev/fd/")):
            self.trace.read_only = False
            self.trace.effect(Effect("writes", foreseen.shown(write.target.text)))
            for finding in writing.judge(write, path):
                self.trace.add(finding)
            if self.trace.policy is not None:
                for finding in bounds.judge_write(self.trace.policy, path, write.target.span):
                    self.trace.add(finding)
        store(path, write.value, state, append=write.append)
        self._arrived(path, write.value, write.target.span, state)

    def _arrived(self, path: str, value: Value, span: Span, state: State) -> None:
        """Content is in a file now: a shell's startup file, or a script that reads it."""
        self.consume(path, state)
        if writing.runs_later(path):
            nested.judge_startup_text(self, value, span)
        elif writing.is_timetable(path):
            nested.judge_timetable(self, value, span)

    def consume(self, path: str, state: State) -> None:
        """Run the script of `>(script)` on what was written to its path."""
        consumer = state.consumers.get(path)
        if consumer is not None:
            inner = state.fork()
            inner.consumers = {}
            inner.descriptors[0], inner.descriptors[1] = path, TERMINAL
            self.script(consumer, inner)

    def look_at_variable(self, name: str, state: State, span: Span) -> None:
        """Some variables hold a command that other programs will run."""
        value = state.variable(name).value
        if name in state.variables:
            for finding in variables.judge(name, value, span):
                self.trace.add(finding)
        if name in variables.NAMES_SCRIPT and value.only:
            script = content(resolve(value.texts[0], state), state)
            for text in script.texts:
                with self.deeper():
                    self.text(text.replace(UNKNOWN, ""), span, state.fork())
        if name in variables.HOLDS_COMMAND and value.only and value.only.strip():
            self.trace.spend()
            with self.deeper():
                self.text(value.texts[0], span, state.fork())

    # ------------------------------------------------------------------ what programs run

    def inner(self, run: Run, command: Command, state: State) -> None:
        """A program runs another one."""
        if not run.arguments:
            return
        child = nested.child_of(state)
        if run.clears_environment:
            child.variables, child.inherits = {}, False
        for name in run.forget_variables:
            child.unset(name)
        for name, value in run.variables:
            child.variables[name] = Variable(value, exported=True)
            self.look_at_variable(name, child, command.span)
        if run.folder is not None:
            child.folders = (run.folder,)
        if run.stdin is not None:
            pipe = self.new_pipe()
            child.files[pipe] = run.stdin
            child.descriptors[0] = pipe
        elsewhere = run.clears_environment or command.name in uses.HAVE_THEIR_OWN_PROGRAMS
        with self.deeper(), self.trace.elsewhere(elsewhere):
            self.words(run.arguments, child, command.span, own_names=False)

    def code(self, code: Code, command: Command, state: State) -> Status:
        """A text is run as code."""
        with self.deeper(), self.trace.elsewhere(code.remote):
            nested.run_code(self, code, command, state)
        return None


def _likely_output(command: Command, state: State) -> Value:
    """What a program without a model prints: anything, made of what it reads."""
    origins = command.stdin.origins if command.stdin_path else NOWHERE
    if command.name not in read_only.ABOUT_FILES:
        for argument in command.arguments[:20]:
            if not argument.text.startswith("-"):
                origins |= content_of(argument, state).origins
    return Value((UNKNOWN,), origins - {"pasted"})
