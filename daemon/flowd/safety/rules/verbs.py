"""Rules for programs whose first words say what they do: `npm install`, `docker volume rm`."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rule
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN


class Verbs(Struct, frozen=True):
    """What a program's words mean.

    `table` maps a finding's rule and message to the words it is about, blank-separated; two words
    that belong together are written `volume/rm`. `values` are options with a value, `harmless`
    options that make everything a try-out.
    """

    table: Mapping[tuple[str, str], str]
    values: str = ""
    harmless: str = ""


def rule_of(verbs: Verbs) -> Rule:
    """Make a rule: a person must agree to these words."""
    values = listed(verbs.values)
    harmless = (*verbs.harmless.split(), "--help", "--version")
    meaning = {word: finding for finding, words in verbs.table.items() for word in words.split()}

    def rule(command: Command, _state: State) -> Iterator[Finding]:
        options = split(command.arguments, values)
        asks = command.arguments[-1:] and command.arguments[-1].text in ("-h", "-?")
        if asks or options.has(*harmless):
            return
        words = [operand.text for operand in options.operands[:3]]
        found = None
        for count in (3, 2, 1):
            if len(words) >= count:
                found = found or meaning.get("/".join(words[:count]))
        found = found or (meaning.get(f"*/{words[1]}") if len(words) > 1 else None)
        found = found or (meaning.get(f"*/*/{words[2]}") if len(words) > 2 else None)
        if found is None and words and UNKNOWN in words[0]:
            found = ("shell.unknown-subcommand", "Nobody can say what this does before it runs.")
        if found is not None:
            yield confirm(found[0], found[1], command.span)

    return rule
