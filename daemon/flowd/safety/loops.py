"""Fork bombs: loops without end that start processes nobody waits for."""

from collections.abc import Iterator, Sequence

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
    Redirected,
    SimpleCommand,
    Statement,
    Test,
    While,
    Word,
)

_GIVES_UP = frozenset({"exit", "return", "break", "continue", "die"})
_LEAVES = frozenset({"break", "exit", "return", "exec"})


def never_ends(loop: While) -> bool:
    """Whether the condition is one that always holds, and nothing in the body leaves the loop."""
    holds = [constant(statement) for statement in loop.condition[-1:]]
    endless = not holds or holds[0] is (not loop.negated)
    return endless and not any(_program(command) in _LEAVES for command in commands_in(loop.body))


def constant(statement: Statement) -> bool | None:
    """The status a condition always has; None when that is not certain."""
    if isinstance(statement, Not):
        inner = constant(statement.body)
        return None if inner is None else not inner
    if isinstance(statement, SimpleCommand) and not statement.assignments:
        return {"true": True, ":": True, "false": False}.get(_program(statement))
    if isinstance(statement, Test):
        if statement.arithmetic.strip()[:19].isdecimal():
            return statement.arithmetic.strip("0 ") != ""
        texts = [word.plain for word in statement.words]
        if len(texts) == 1 and texts[0] is not None:
            return texts[0] != ""
        if len(texts) == 3 and None not in texts and texts[1] in ("=", "==", "-eq"):
            return texts[0] == texts[2]
    return None


def leaves_processes(body: Sequence[Statement]) -> bool:
    """Whether a pass through the body ends with a background process nobody waited for."""
    pending = False
    for statement in body:
        if isinstance(statement, Background):
            pending = True
        elif isinstance(statement, SimpleCommand):
            name = _program(statement)
            if name == "wait":
                pending = False
            elif name == "disown" and pending:
                return True
        elif isinstance(statement, Group) and statement.subshell:
            if leaves_processes(statement.statements):
                return True
        else:
            pending = leaves_processes(list(parts_of(statement))) or pending
    return pending


def sleeps(body: Sequence[Statement]) -> bool:
    """Whether something in the foreground of the body slows the loop down."""
    return any(
        _program(statement) in ("sleep", "read", "inotifywait", "usleep")
        for statement in body
        if isinstance(statement, SimpleCommand)
    )


def commands_in(statements: Sequence[Statement]) -> Iterator[SimpleCommand]:
    """Every simple command in these, function bodies left out."""
    stack = list(reversed(statements))
    while stack:
        statement = stack.pop()
        if isinstance(statement, SimpleCommand):
            yield statement
        else:
            stack.extend(reversed(list(parts_of(statement))))


def parts_of(statement: Statement) -> Iterator[Statement]:
    """The statements directly inside one."""
    if isinstance(statement, AndOr):
        yield statement.first
        yield from (each for _, each in statement.rest)
    elif isinstance(statement, Pipeline):
        yield from statement.stages
    elif isinstance(statement, Not | Background | Redirected):
        yield statement.body
    elif isinstance(statement, Group):
        yield from statement.statements
    elif isinstance(statement, If):
        for condition, body in statement.branches:
            yield from condition
            yield from body
        yield from statement.otherwise
    elif isinstance(statement, While):
        yield from statement.condition
        yield from statement.body
    elif isinstance(statement, ForEach):
        yield from statement.body
    elif isinstance(statement, Case):
        for _, body in statement.items:
            yield from body
    elif isinstance(statement, Function | SimpleCommand | Test):
        return


def gives_up(statement: Statement) -> bool:
    """Whether a statement leaves the script or the loop: `|| exit 1`, `|| { echo no; return; }`."""
    commands = list(commands_in([statement]))
    return bool(commands) and _program(commands[-1]) in _GIVES_UP


def _program(command: SimpleCommand) -> str:
    first = command.words[0] if command.words else None
    return first.plain or "" if isinstance(first, Word) else ""
