"""Reads the examples of manual pages: `exec` knows how pages are written, `safety` how shell is."""

from collections.abc import Iterator

from flowd.exec.manual_examples import read_examples
from flowd.exec.manual_pages import read_page
from flowd.safety.plainly import calls_of_plain
from flowd.suggest.imports.holes import ANGLES

_SOME_WORD = "word"  # in place of a hole, which the shell would take for redirects
_IN_FRONT = frozenset(("sudo", "doas", "time", "exec"))


def read_manual(source: str, name: str) -> tuple[str, list[tuple[str, str]]]:
    """Give what a page says its program is for, and what each of its examples is for.

    Examples are single commands, or pipes, that have the program in them: for a page such as
    git-log(1) that is git.
    """
    programs = {name, name.partition("-")[0], name.partition("_")[0]}

    def is_command(line: str) -> bool:
        if not any(program in line for program in programs):
            return False  # parsing takes longer
        return any(call in programs for call in _programs_in(line))

    examples = [(shown.text, shown.command) for shown in read_examples(source, is_command)]
    return (read_page(source).about if examples else ""), examples


def _programs_in(line: str) -> Iterator[str]:
    """Name the programs of a command or pipe; none of what is more than that."""
    for words in calls_of_plain(ANGLES.sub(_SOME_WORD, line)) or ():
        rest = words[1:] if words[:1] and words[0] in _IN_FRONT else words
        if rest:
            yield rest[0]
