"""Whether a script is no more than a command, or a pipe of some, and of which programs."""

from collections.abc import Iterator

from flowd.safety.parsing import NotUnderstood, parse
from flowd.safety.syntax import Pipeline, SimpleCommand, Statement


def calls_of_plain(script: str) -> list[list[str]] | None:
    """Give the words of its commands as far as they are plain text, from the first one on.

    None for a script that is more than one command or pipe, or that cannot be read.
    """
    try:
        read = parse(script)
    except NotUnderstood:
        return None
    if read.unreadable or len(read.statements) != 1:
        return None
    stages = list(_stages_of(read.statements[0]))
    commands = [stage for stage in stages if isinstance(stage, SimpleCommand)]
    if len(commands) < len(stages):
        return None
    return [list(_plain_words(command)) for command in commands]


def _stages_of(statement: Statement) -> Iterator[Statement]:
    if isinstance(statement, Pipeline):
        yield from statement.stages
    else:
        yield statement


def _plain_words(command: SimpleCommand) -> Iterator[str]:
    for word in command.words:
        text = getattr(word, "plain", None)
        if text is None:
            return
        yield text
