"""Words for what the shell does itself: arguments of no known role, redirects, links."""

import re

from flowd.explain.words import Given
from flowd.safety.syntax import Redirect
from flowd.safety.value import UNKNOWN

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:")
_PATTERN = re.compile(r"[*?]|\[.+\]")
_PATH = re.compile(r"[~.]?/|.*/|\.\.?\Z|[\w@%+-]+\.[A-Za-z]\w{0,9}\Z")
_NOWHERE = "/dev/null"

LINKS = {
    "|": ("passes what the command before prints on to the next one", ", then from that "),
    "|&": ("passes output and errors of the command before on to the next", ", then from that "),
    "&&": ("runs what follows only if what is before succeeds", ", and if that works "),
    "||": ("runs what follows only if what is before fails", ", or if that fails "),
    "&": ("runs what is before in the background", " in the background"),
}
"""By the operator: what it means, and the words between two sentences."""


def role_of(word: Given, role: str) -> str:
    """What an argument is: its role where that is known, what it looks like where not."""
    said = role or _look_of(word)
    if word.names:
        variables = " and ".join(f"${name}" for name in dict.fromkeys(word.names))
        said += f" (with what {variables} holds then)"
    elif UNKNOWN in word.text:
        said += " (with what the command in it prints)"
    elif role and word.exact and _PATTERN.search(word.text) and "pattern" not in role:
        said += " (every name that matches)"
    return said


def _look_of(word: Given) -> str:
    text = word.text
    if _ADDRESS.match(text):
        return "an address"
    if word.exact and _PATTERN.search(text):
        return "every file whose name matches"
    if _PATH.match(text):
        return "a file or folder"
    if text.lstrip("-+").isdigit():
        return "a number"
    return "an argument"


def meaning_of_redirect(redirect: Redirect, target: str) -> str:
    """What a redirect does, for people; `target` is its word as it is shown."""
    what = _stream(redirect)
    match redirect.operator:
        case ">" | ">|" if target == _NOWHERE:
            return f"throws {what} away"
        case ">" | ">|":
            return f"writes {what} to {target}, replacing what is there"
        case ">>":
            return f"adds {what} to the end of {target}"
        case "&>" | ">&" | "&>>" if not target.rstrip("-").isdigit():
            if target == _NOWHERE:
                return "throws what it prints and its errors away"
            adds = "adds" if redirect.operator == "&>>" else "writes"
            return f"{adds} what it prints and its errors to {target}"
        case ">&":
            return f"sends {what} to where {_NUMBERED.get(target, f'descriptor {target}')} goes"
        case "<":
            return f"reads its input from {target}"
        case "<<" | "<<-":
            return "gives the lines that follow as its input"
        case "<<<":
            return f"gives the text {target} as its input"
    return f"redirects {what}"


_NUMBERED = {"1": "what it prints", "2": "its errors", "-": "nowhere"}


def _stream(redirect: Redirect) -> str:
    if isinstance(redirect.descriptor, int):
        return _NUMBERED.get(str(redirect.descriptor), f"descriptor {redirect.descriptor}")
    return "what it prints"


def ending_of(redirect: Redirect, target: str) -> str:
    """What a redirect adds to the sentence of its command."""
    errors = redirect.descriptor == 2
    match redirect.operator:
        case ">" | ">|" | "&>" if target == _NOWHERE:
            return " without its error messages" if errors else " without showing what it prints"
        case ">" | ">|" | "&>":
            return f", with {'its errors' if errors else 'the result'} in {target}"
        case ">>" | "&>>":
            return f", with {'its errors' if errors else 'the result'} added to {target}"
        case "<":
            return f", reading {target}"
        case "<<" | "<<-":
            return ", with the lines that follow as input"
        case "<<<":
            return f", with {target} as input"
    return ""


LONGEST_SENTENCE = 800  # characters


def capitalised(sentence: str) -> str:
    """A phrase as a sentence, of a length that somebody reads."""
    if len(sentence) > LONGEST_SENTENCE:
        sentence = sentence[:LONGEST_SENTENCE].rpartition(" ")[0] + " …"
    return sentence[:1].upper() + sentence[1:] + "." * (sentence[-1:] != "…") if sentence else ""
