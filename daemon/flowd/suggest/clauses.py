"""Splits a task into its clauses: what is to be done first, what then.

    'create a.txt, commit it and tag it v1' -> 'create a.txt', 'commit it', 'tag it v1'

A comma or an "and" ends a clause only before a verb, so that "src, tests and docs" stays whole.
"""

import re
from collections.abc import Callable

_QUOTED = re.compile(r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]*`|“[^”\n]*”")
_NUMBERED = re.compile(r"(?:^|[\s;,])\(?\d{1,2}[.)]\s+(?=\S)|^\s*[-*•]\s+", re.MULTILINE)
_SEQUENCE = r"(?:then|after that|afterwards|finally|next|lastly|also)"
_BORDER = re.compile(
    r"(?P<sure>\s*\n\s*|[,.;]?\s+(?:and\s+)?(?:then|after that|afterwards)[\s,]+)"
    rf"(?:{_SEQUENCE}[\s,]+)*|"
    r"(?P<maybe>\s*;\s*(?:and\s+)?|\s*\.\s+(?=[A-Z])|\s*,\s*(?:and\s+)?|\s+and\s+)"
    rf"(?:{_SEQUENCE}[\s,]+)*",
    re.IGNORECASE,
)
_VERBS_WORDS = """
    create make add write append put save delete remove erase drop rename move copy compress gzip
    zip unzip gunzip extract unpack untar pack initialize initialise init clone commit push pull
    merge rebase switch checkout tag stash pop apply amend install uninstall run execute start stop
    restart kill build compile test find search list show print display count sort dedupe
    deduplicate replace convert import export dump load back backup set change give chmod chown
    tell open close download fetch upload send query insert update upgrade generate compute
    calculate verify check restore enable disable link symlink touch concatenate join split filter
    bring get undo revert reset publish bundle how stage unstage untrack ignore go redirect store
    bisect cherry-pick squash call configure activate report
"""
_VERBS = frozenset(_VERBS_WORDS.split())
_NOUNS_TOO_WORDS = """
    test tag list copy move build run sort commit count change import export link dump load check
    set start stop update show print query filter report store search split stage merge push pull
    call zip backup back open close find
"""
_NOUNS_TOO = frozenset(_NOUNS_TOO_WORDS.split())
"""Verbs that are nouns as well: "and tag it" begins a clause, "name and tag of" does not."""
_NO_OBJECT = re.compile(
    r"^\s*(?:$|[,.;]|(?:of|is|are|was|has|have|for|that|which|or|names?|files|"
    r"results?|dates?|times?|messages?|ids?)\b)"
)
_ALONE = frozenset(["commit", "push", "pull", "stash"])


def outside_quotes(text: str, change: Callable[[str], str]) -> str:
    """Change a text but for what is in quotes."""
    changed, start = "", 0
    for quoted in _QUOTED.finditer(text):
        changed += change(text[start : quoted.start()]) + quoted.group()
        start = quoted.end()
    return changed + change(text[start:])


def split(task: str) -> list[str]:
    """Give the clauses in order; the whole task alone when there is but one."""
    hidden = _QUOTED.sub(lambda quoted: "\0" * len(quoted.group()), task)
    numbered = list(_NUMBERED.finditer(hidden))
    if len(numbered) >= 2 and not hidden[: numbered[0].start()].strip(" \n:"):
        ends = [mark.start() for mark in numbered[1:]] + [len(task)]
        listed = [task[mark.end() : end] for mark, end in zip(numbered, ends, strict=True)]
        return [clause for each in listed for clause in split(each.strip(" \n,;")) if clause]
    clauses: list[str] = []
    start = 0
    for border in _BORDER.finditer(hidden):
        left, right = hidden[start : border.start()], hidden[border.end() :]
        if len(left.split()) < 2 and left.strip().lower() not in _ALONE:
            continue
        if (border["sure"] and right.strip()) or _begins(right):
            clauses.append(task[start : border.start()].strip())
            start = border.end()
    clauses.append(task[start:].strip())
    return [clause for clause in clauses if clause]


def _begins(text: str) -> bool:
    """Whether a clause begins here: with a verb that is no noun."""
    word = re.match(r"[a-z-]+", text.lower())
    if word is None or word.group() not in _VERBS:
        return False
    rest = text[word.end() :]
    if word.group() in _ALONE and not rest.strip(" .!?"):
        return True
    return word.group() not in _NOUNS_TOO or not _NO_OBJECT.match(rest.lower())
