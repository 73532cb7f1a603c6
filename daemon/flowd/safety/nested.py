"""Code inside commands: shell text given to shells, other languages, scripts in files."""

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowd.domain.foresight import Loss
from flowd.safety.code import Inside, python_code, script_code, sql
from flowd.safety.command import Command
from flowd.safety.files import content_of
from flowd.safety.findings import Trace, block, confirm
from flowd.safety.paths import plain_path
from flowd.safety.programs.containers import sqlite_file
from flowd.safety.programs.effects import Code, Write
from flowd.safety.programs.wrappers import scheduled
from flowd.safety.rules import code as code_rules
from flowd.safety.rules import exfiltration, is_destructive_name, is_known
from flowd.safety.state import UNSET, State, Variable
from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import (
    ANYTHING,
    DECODED,
    NETWORK,
    UNKNOWN,
    Argument,
    Value,
    unknown,
    value_of,
)

if TYPE_CHECKING:
    from flowd.safety.calls import Calls

_PROGRAM_FOLDER = re.compile(
    r"(?:.*/)?(?:s?bin|\.bin|libexec|shims|Scripts|Cellar|MacOS)/[^/]+|(?:/usr)?/lib.*/ld-[^/]+"
)
_PROJECT_TOOLS = listed(
    "gradlew mvnw configure autogen.sh manage.py setup.py artisan sbtw bazelw "
    "pants rebar3 waf scons make pw"
)


def child_of(state: State) -> State:
    """The state a child process starts with: only exported variables."""
    child = state.fork()
    child.variables = {
        name: variable
        for name, variable in state.variables.items()
        if variable.exported or variable == UNSET
    }
    child.positional = None
    child.aliases = {}
    return child


def is_local_script(program: str) -> bool:
    """Whether a program is given by a path that leads to no usual folder of programs."""
    if "/" not in program or _PROGRAM_FOLDER.fullmatch(plain_path(program)):
        return False
    return program.rpartition("/")[2] not in _PROJECT_TOOLS


def run_local_script(calls: "Calls", command: Command, state: State) -> None:
    """`./script`: its text, if this script wrote it, else nobody knows what it does."""
    calls.trace.read_only = False
    source = content_of(command.program, state)
    name = command.program.text
    code = Code("shell", source, command.program.span, command.arguments, unseen=True, name=name)
    calls.code(code, command, state)


def run_code(calls: "Calls", code: Code, command: Command, state: State) -> None:
    """Follow a text that is run as code."""
    for finding in code_rules.judge(code):
        calls.trace.add(finding)
    if code.language == "shell":
        _run_shell(calls, code, command, state)
        return
    for text in code.source.texts:
        if code.language == "sql":
            _run_sql(calls, text, code, command, state)
        elif text != UNKNOWN:
            fed = code.stdin if code.stdin is not None and command.stdin_path else ANYTHING
            if code.language == "python":
                read = python_code.read(text, code.span, fed)
            else:
                read = script_code.read(code.language, text, code.span, fed)
            _carry_out(calls, read, code, command, state)
        else:
            calls.trace.read_only = False


def _run_shell(calls: "Calls", code: Code, command: Command, state: State) -> None:
    seen_before = calls.trace.read_only
    calls.trace.read_only = True
    for text in code.source.texts:
        if text.strip("\n") == UNKNOWN:
            calls.trace.read_only = False
            continue
        inner = _inner_state(code, state)
        if code.stdin is not None and not code.shares:
            pipe = calls.new_pipe()
            inner.files[pipe] = code.stdin
            inner.descriptors[0] = pipe
        calls.text(text, code.span, inner)
    if code.remote and not calls.trace.read_only:
        message = "Changes something on another machine."
        calls.trace.add(confirm("remote.command", message, code.span))
    calls.trace.read_only = calls.trace.read_only and seen_before


def _inner_state(code: Code, state: State) -> State:
    if code.remote:
        return State()
    if code.shares:
        inner = state
        if code.arguments is not None:
            inner = replace(state.fork(), positional=code.arguments)
        return inner
    child = child_of(state)
    child.positional = code.arguments
    if code.zero is not None:
        child.variables["0"] = Variable(value_of(code.zero.text, code.zero.origins))
    return child


def _run_sql(calls: "Calls", text: str, code: Code, command: Command, state: State) -> None:
    for line in sql.shell_escapes(text):
        run_code(calls, Code("shell", value_of(line), code.span), command, state)
    for file in sql.files_written(text):
        calls.write(Write(Argument(file, code.span), unknown()), state)
    statement = sql.destructive_statement(text)
    if statement is not None:
        calls.trace.read_only = False
        database, table = sqlite_file(command), sql.table_of(statement)
        rows = Loss("rows", (database, table)) if database and table else None
        told = f"Destroys data: {statement[:120]}"
        calls.trace.add(confirm("databases.destructive-sql", told, code.span, loss=rows))
    elif not sql.only_reads(text):
        calls.trace.read_only = False


def _carry_out(calls: "Calls", read: Inside, code: Code, command: Command, state: State) -> None:
    for danger in sorted(read.dangers):
        calls.trace.add(code_rules.DANGERS[danger](code.span))
    if not read.harmless or code.language not in ("awk", "sed"):
        calls.trace.read_only = False
    for write in read.writes:
        calls.write(write, state)
    for run in read.runs:
        calls.inner(run, command, state)
    for inner in read.codes:
        calls.code(inner, command, state)
    for send in read.sends:
        for finding in exfiltration.sending(send):
            calls.trace.add(finding)


def quoted(text: str) -> str:
    """A word as it must be written to stay one word."""
    return (
        "'" + text.replace("'", "'\\''") + "'" if re.search(r"[^\w@%+=:,./\ue000-]", text) else text
    )


_TRUSTED_NAMES = frozenset({"sudo", "su", "doas", "ssh", "login", "passwd", "gpg"})


def judge_alias(calls: "Calls", name: str, text: str, span: Span) -> None:
    """An alias makes a familiar name mean something else."""
    aside = type(calls)(Trace())
    aside.text(text, span, State())
    destroys = is_destructive_name(text) or aside.trace.verdict != "allow"
    if aside.trace.verdict == "block" or (destroys and name in _TRUSTED_NAMES):
        message = f"Makes `{name}` run `{text}`."
        calls.trace.add(block("backdoor.alias", message, span))
    elif destroys and (text.split(" ")[0] != name or re.search(r"\s-\w*f", text)):
        calls.trace.add(confirm("shell.alias", f"Makes `{name}` run `{text}`.", span))


def judge_timetable(calls: "Calls", value: Value, span: Span) -> None:
    """Lines for cron's own files: when, as whom, and what to run."""
    jobs = [job for text in value.texts for job in scheduled(text, names_user=True)]
    judge_startup_text(calls, Value(tuple(jobs) or ("",), value.origins), span)


def judge_startup_text(calls: "Calls", value: Value, span: Span) -> None:
    """Text for a shell's startup file will run later, in every new shell."""
    if value.origins & (NETWORK | DECODED):
        message = "Puts text nobody has seen where it will run by itself."
        calls.trace.add(block("backdoor.startup-file", message, span))
    for text in value.texts:
        aside = type(calls)(Trace())
        aside.text(text.replace(f"{UNKNOWN}\n", ""), span, State())
        if aside.trace.verdict == "block":
            message = "Puts a command that destroys or takes over where it will run by itself."
            calls.trace.add(block("backdoor.startup-file", message, span))


def _is_given_more(words: tuple[Argument, ...]) -> bool:
    """Whether words look like a command line, and not like `ollama rm MODEL`."""
    if words[0].text.startswith("/") or (words[1].text != "." and is_known(words[1].text)):
        return True
    return any(word.text.startswith(("-", "/", "~", "*", UNKNOWN)) for word in words[1:])


def look_for_inner_command(calls: "Calls", command: Command, state: State) -> None:
    """A program nobody has heard of may run the destructive command in its arguments."""
    if is_known(command.name):
        return
    for position, argument in enumerate(command.arguments):
        name = argument.text.rpartition("/")[2]
        if is_destructive_name(name) and position + 1 < len(command.arguments):
            aside = type(calls)(Trace())
            aside.words(command.arguments[position:], state.copy(), command.span, own_names=False)
            grave = aside.trace.verdict == "block" or _is_given_more(command.arguments[position:])
            if aside.trace.verdict != "allow" and grave:
                message = f"May run `{name}` with what follows it."
                calls.trace.add(confirm("shell.unknown-wrapper", message, argument.span))
            return
