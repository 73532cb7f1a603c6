"""Follows a script the way the shell would, without running anything.

Every statement changes a `State`; every program that would run is looked at by the rules. Where the
shell would decide by something nobody can know, both ways are followed and joined.
"""

import re
from collections.abc import Sequence

from flowd.domain.foresight import Effect
from flowd.safety import foreseen, loops, parameters
from flowd.safety.calls import Calls, Status
from flowd.safety.expand import expand_value, expand_words
from flowd.safety.files import CONNECTION, PIPE, resolve, store
from flowd.safety.findings import Trace, block, confirm
from flowd.safety.parsing import NotUnderstood, hidden_characters, parse
from flowd.safety.policy import bounds
from flowd.safety.programs.effects import Write
from flowd.safety.rules import writing
from flowd.safety.state import TERMINAL, State, Variable, join
from flowd.safety.syntax import (
    AndOr,
    Background,
    Case,
    ForEach,
    Function,
    Group,
    If,
    Not,
    Pipeline,
    Redirect,
    Redirected,
    Script,
    SimpleCommand,
    Span,
    Statement,
    Substitution,
    Test,
    While,
    Word,
)
from flowd.safety.value import ANYTHING, EMPTY, UNKNOWN, Argument, Value, either, value_of


class Walk(Calls):
    """One walk through a script; `trace` collects what is seen."""

    def __init__(self, trace: Trace):
        super().__init__(trace)
        self._channels = 0

    # ------------------------------------------------------------------ scripts inside scripts

    def text(self, text: str, span: Span | None, state: State) -> None:
        """Parse and follow shell text; `span` is the place it was found at."""
        for place in hidden_characters(text):
            message = "Has characters that cannot be seen, or that change how the text looks."
            self.trace.add(confirm("shell.hidden-characters", message, span or place))
        try:
            script = parse(text.replace("\r\n", " \n"), span)
        except NotUnderstood as trouble:
            where = span or (0, min(len(text), 80))
            self.trace.add(confirm("shell.not-understood", f"Cannot be judged: {trouble}.", where))
            self.trace.read_only = False
            return
        self.script(script, state)
        for place in script.unreadable[:3]:
            message = "This is not shell text that can be understood."
            self.trace.add(confirm("shell.not-understood", message, place))
            self.trace.read_only = False

    def script(self, script: Script, state: State) -> Status:
        """Follow the statements of a parsed script."""
        return self.sequence(script.statements, state)

    def capture(self, script: Script, state: State) -> Value:
        """Follow `$(script)` and give what it prints."""
        inner = state.fork()
        pipe = self.new_pipe()
        inner.descriptors[1] = pipe
        self.script(script, inner)
        value = inner.files.pop(pipe, EMPTY)
        texts = tuple(text.rstrip("\n") for text in value.texts)
        return either([Value(texts, value.origins | {"output"})])

    def prompt(self, text: str, state: State) -> Value:
        """Follow what a prompt runs, and give what it shows."""
        quoted = re.sub(r'([\\"])', r"\\\1", text)
        try:
            script = parse(f'printf %s "{quoted}"', self.place)
        except NotUnderstood:
            return ANYTHING
        shown = self.capture(script, state)
        return ANYTHING if "\\" in text else shown

    def channel(self, substitution: Substitution, state: State) -> str:
        """Follow `<(script)`, or keep `>(script)` for what will be written to it."""
        pipe = self.new_pipe()
        if substitution.kind == ">":
            state.consumers[pipe] = substitution.script
            state.files[pipe] = EMPTY
            self.consume(pipe, state)  # it runs also when nothing is ever written to it
            return pipe
        inner = state.fork()
        inner.descriptors[1] = pipe
        self.script(substitution.script, inner)
        return pipe

    def new_pipe(self) -> str:
        """A path no other content has."""
        self._channels += 1
        return f"{PIPE}{self._channels}"

    # ------------------------------------------------------------------------------ statements

    def sequence(self, statements: Sequence[Statement], state: State) -> Status:
        """Follow statements one after the other; gives the status of the last."""
        status: Status = True
        for statement in statements:
            status = self.statement(statement, state)
        return status

    def condition(self, statements: Sequence[Statement], state: State) -> Status:
        """Follow what `if` and `while` ask: failing here ends no script, whatever `set -e` says."""
        with self.trace.tolerant():
            return self.sequence(statements, state)

    def statement(self, statement: Statement, state: State) -> Status:
        """Follow one statement."""
        if isinstance(statement, SimpleCommand):
            return self.simple(statement, state)
        with self.deeper():
            return self._compound(statement, state)

    def _compound(self, statement: Statement, state: State) -> Status:
        match statement:
            case AndOr():
                return self._and_or(statement, state)
            case Pipeline():
                return self._pipeline(statement, state)
            case Not():
                with self.trace.tolerant():
                    status = self.statement(statement.body, state)
                return None if status is None else not status
            case Background():
                self.trace.concurrent = True
                self.side_by_side += 1
                self.statement(statement.body, state.fork())
                self.side_by_side -= 1
                return True
            case Group():
                return self.sequence(
                    statement.statements, state.fork() if statement.subshell else state
                )
            case Redirected():
                return self._redirected(statement, state)
            case If():
                return self._if(statement, state)
            case While():
                return self._while(statement, state)
            case ForEach():
                return self._for_each(statement, state)
            case Case():
                return self._case(statement, state)
            case Test():
                return self._test(statement, state)
            case Function():
                state.functions[statement.name] = (statement.body,)
                return True
            case _:
                return None

    def _and_or(self, chain: AndOr, state: State) -> Status:
        """Follow a list; where one of it has an alternative, none of it must succeed."""
        with self.trace.tolerant(any(operator == "||" for operator, _ in chain.rest)):
            return self._list(chain, state)

    def _list(self, chain: AndOr, state: State) -> Status:
        status = self.statement(chain.first, state)
        links = list(chain.rest)
        while links:
            operator, statement = links.pop(0)
            if status is None:
                alike = [statement]
                while links and links[0][0] == operator:
                    alike.append(links.pop(0)[1])
                self._perhaps(operator, alike, state)
            elif status is (operator == "&&"):
                status = self.statement(statement, state)
        return status

    def _perhaps(self, operator: str, statements: list[Statement], state: State) -> None:
        """Statements that run, each only if the one before allows it, or do not run at all."""
        branch = self.branch(state)
        for statement in statements:
            if operator == "&&":
                branch.assume_arrived()
            if self.statement(statement, branch) is (operator != "&&"):
                break
        if operator == "||" and loops.gives_up(statements[-1]):
            state.assume_arrived()
        else:
            join(state, branch)

    def _pipeline(self, pipeline: Pipeline, state: State) -> Status:
        status: Status = None
        source: str | None = None
        many = len(pipeline.stages) > 1
        self.side_by_side += many
        last = len(pipeline.stages) - 1
        for position, stage in enumerate(pipeline.stages):
            inner = state.fork()
            if source is not None:
                inner.descriptors[0] = source
            if position < last:
                source = self.new_pipe()
                inner.descriptors[1] = source
            status = self.statement(stage, inner)
        self.side_by_side -= many
        return status

    def _redirected(self, statement: Redirected, state: State) -> Status:
        outside = state.descriptors
        state.descriptors = self.redirect(statement.redirects, state)
        status = self.statement(statement.body, state)
        state.descriptors = outside
        return status

    def _if(self, statement: If, state: State) -> Status:
        ends: list[State] = []
        for condition, body in statement.branches:
            status = self.condition(condition, state)
            if status is False:
                continue
            if status is True:
                self.sequence(body, state)
                break
            branch = self.branch(state)
            self.sequence(body, branch)
            ends.append(branch)
        else:
            self.sequence(statement.otherwise, state)
        for end in ends:
            join(state, end)
        return None

    def _while(self, loop: While, state: State) -> Status:
        status = self.condition(loop.condition, state)
        if loop.condition and status is loop.negated:
            return True
        if loops.never_ends(loop) and loops.leaves_processes(loop.body):
            self._endless(loop)
        self._repeat(loop.body, state)
        return None

    def _endless(self, loop: While) -> None:
        if loops.sleeps(loop.body):
            message = "Starts background processes for ever, without waiting for them."
            self.trace.add(confirm("processes.endless-background", message, loop.span))
        else:
            message = "Starts new processes without end until the machine stops answering."
            self.trace.add(block("processes.fork-bomb", message, loop.span))

    def _repeat(self, body: Sequence[Statement], state: State) -> None:
        """A loop's body: once, and again when the first pass left other variables behind."""
        before = self.branch(state)
        self.sequence(body, state)
        changed = before.variables != state.variables or before.functions != state.functions
        join(state, before)
        if changed:
            again = self.branch(state)
            self.sequence(body, again)
            join(state, again)

    def _for_each(self, loop: ForEach, state: State) -> Status:
        if loop.words is None:
            arguments = state.positional
            readings = [arguments] if arguments is not None else []
        else:
            readings = expand_words(loop.words, state, self)
        value = ANYTHING
        if readings:
            items = [value_of(each.text, each.origins) for reading in readings for each in reading]
            if not items:
                return True
            value = either(items)
        state.variables[loop.name] = Variable(value)
        self._repeat(loop.body, state)
        return None

    def _case(self, statement: Case, state: State) -> Status:
        subject = expand_value(statement.subject, state, self)
        ends: list[State] = []
        for patterns, body in statement.items:
            answers = [self._matches(subject, pattern, state) for pattern in patterns]
            if True in answers:
                self.sequence(body, state)
                break
            if None in answers:
                branch = self.branch(state)
                self.sequence(body, branch)
                ends.append(branch)
        for end in ends:
            join(state, end)
        return None

    def _matches(self, subject: Value, pattern: Word, state: State) -> bool | None:
        text = subject.only
        wanted = expand_value(pattern, state, self).only
        if wanted == "*":
            return True
        return None if text is None or wanted is None else parameters.matches(text, wanted)

    def _test(self, test: Test, state: State) -> Status:
        for script in test.inner:
            self.capture(script, state)
        expand_words(test.words, state, self)
        return loops.constant(test)

    # ------------------------------------------------------------------------------- redirects

    def redirect(self, redirects: Sequence[Redirect], state: State) -> dict[int, str]:
        """Give the descriptors a command has after its redirects, and look at what they write."""
        made = dict(state.descriptors)
        for each in redirects:
            number, path = self._one_redirect(each, made, state)
            made[number] = path
            if each.operator in ("&>", "&>>", ">&") and number == 1:
                made[2] = path
        return made

    def _one_redirect(self, each: Redirect, made: dict[int, str], state: State) -> tuple[int, str]:
        operator = each.operator
        reads = operator.startswith("<")
        number = 0 if reads else 1
        if isinstance(each.descriptor, int):
            number = each.descriptor
        elif isinstance(each.descriptor, str):
            number = 10 + len(state.descriptors)
            state.assign(each.descriptor, value_of(str(number)))
        if each.target is None:  # closed, as in 3<&-
            return number, TERMINAL
        value = expand_value(each.target, state, self)
        if operator in ("<<", "<<-", "<<<"):
            pipe = self.new_pipe()
            end = "\n" if operator == "<<<" else ""
            state.files[pipe] = Value(tuple(text + end for text in value.texts), value.origins)
            return number, pipe
        text = value.texts[0] if len(value.texts) == 1 else UNKNOWN
        if operator in (">&", "<&") and text.rstrip("-").isdecimal():
            other = int(text.rstrip("-")[:4])
            return number, made.get(other, TERMINAL)
        argument = Argument(text, each.target.span, value.origins)
        path = resolve(text, state)
        if self.trace.policy is not None and CONNECTION.fullmatch(path):
            for finding in bounds.judge_connection(self.trace.policy, each.target.span):
                self.trace.add(finding)
        if operator in ("<", "<&"):
            return number, path
        self._open_for_writing(argument, path, state, append=operator in (">>", "&>>", "<>"))
        return number, path

    def _open_for_writing(self, target: Argument, path: str, state: State, *, append: bool) -> None:
        """A redirect empties its file before anything is written."""
        if path in (TERMINAL, "/dev/null") or path.startswith((PIPE, "/dev/std", "/dev/tcp/")):
            return
        self.trace.read_only = False
        self.trace.effect(Effect("writes", foreseen.shown(target.text)))
        for finding in writing.judge(Write(target, EMPTY, append, tool=False), path):
            self.trace.add(finding)
        if self.trace.policy is not None:
            for finding in bounds.judge_write(self.trace.policy, path, target.span):
                self.trace.add(finding)
        if not append:
            store(path, EMPTY, state, append=False)

    # ------------------------------------------------------------------------ at the very end

    def uncalled_functions(self, state: State) -> None:
        """Functions nobody called do nothing, but one that destroys should not go unnoticed."""
        for name, bodies in state.functions.items():
            for body in bodies:
                if name in self.called or body is None:
                    continue
                aside = Walk(Trace())
                aside.statement(Function(name, body, (0, 0)), state)
                aside.words((Argument(name, (0, 0)),), self.branch(state), (0, 0))
                worst = aside.trace.findings[:1]
                if worst and worst[0].verdict == "block":
                    message = (
                        f"Defines `{name}`, which would be dangerous to call: {worst[0].message}"
                    )
                    self.trace.add(confirm("shell.dangerous-function", message, worst[0].span))
