"""Puts the answers of a task's clauses together as one workflow of several steps.

    'create notes.txt containing hello, commit it and tag it v1'
    -> file-with (text hello, file notes.txt), commit-file-plain (file notes.txt), tag (tag v1)

What a clause names is remembered, so that "it", "the file" and "there" in the next have a value.
A clause that is no form of a part is answered like a task of its own.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowd.suggest.clauses import outside_quotes, split
from flowd.suggest.joining import Placed, plain_workflow, put_together
from flowd.suggest.parts import Part, Said, plain_clause, said_by
from flowd.suggest.providers.base import Draft

Answer = Callable[[str], Draft | None]
"""Answers a clause as if it were a task; None when nothing does."""

_EXACT = 0.97  # a clause that is a form of a part
_LEAST = 0.4  # a weaker answer to one clause spoils the whole
_LACKING = 0.8  # per clause with a value that is not known
_SEVERAL = 1.05  # one answer to several clauses is rarely an answer to all of them
_GUESSED = 0.85  # when an answer was only found by meaning
_GOOD = 0.85  # a recipe for the whole task that is this sure goes first
_FOUND_EXACTLY = 0.95
_JUST_BELOW = 0.01
_MOST_CLAUSES = 12

_BEFORE_REST = r"(?=$|[,.;!?]| (?:to|into|in|with|and|on|from|of|as|there|again|executable|read)\b)"
_PRONOUN = re.compile(r"\b(?:it|them|(?:the|that) (?:copy|result|output|link))\b", re.IGNORECASE)
_NOUN = re.compile(
    r"\b(?:the|that|this) (?:new )?(?P<noun>file|folder|directory|branch|tag|archive|database|"
    rf"table|script){_BEFORE_REST}",
    re.IGNORECASE,
)
_SAME_NOUN = {"directory": "folder", "script": "file"}
_INSIDE = re.compile(
    r"[ ,]+(?:there|in there|(?:in|inside|into|within) (?:it|(?:the|that|this) (?:new )?"
    r"(?:folder|directory)))$",
    re.IGNORECASE,
)
_IN_FOLDER = re.compile(
    r"[ ,]+(?:in|inside|within) (?:the )?(?P<noun>(?:folder|directory) )?(?P<name>[\w./-]+)$",
    re.IGNORECASE,
)
_FINDS = re.compile(
    r"^(?:find|list|search for|look for|select)\s+(?P<what>.*\bfiles?\b.*)$", re.IGNORECASE
)
_OF_OUTPUT = re.compile(
    r"(?:save|store|write|print|display|show|send|output|redirect|filter|use|sort|report)\b"
    r"(?!.*[\w-]+\.\w)",
    re.IGNORECASE,
)
"""Such a clause is about what the one before prints, which is one pipeline and no further step."""
_REMEMBERED = ("file", "folder", "branch", "tag", "archive", "database", "table", "output")


@dataclass
class _Context:
    """What the clauses so far have named: by noun, and `it`."""

    named: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    selected: str = ""  # files, as a noun phrase: ".log files bigger than 1 MB"


def compose(
    task: str, parts: list[Part], whole_answers: Iterable[Draft], answer: Answer
) -> Draft | None:
    """Answer a task by its clauses; a recipe that answers the whole of it well goes first.

    None when it has one clause only that no part is a form of, or when a clause has no answer that
    is good enough.
    """
    clauses = _joined(split(task), parts)
    if len(clauses) == 1 and (whole := said_by(clauses[0], parts, {})):
        return put_together([Placed(_of_part(whole))], _EXACT)
    if not 1 < len(clauses) <= _MOST_CLAUSES:
        return None
    said = _Context()
    answers: list[Placed] = []
    for number, clause in enumerate(clauses):
        finds = _FINDS.match(plain_clause(clause))
        if finds and number + 1 < len(clauses) and _PRONOUN.search(clauses[number + 1]):
            said.selected = finds["what"]
            continue
        found = _of_clause(clause, parts, answer, said)
        if found is None or found.draft.confidence < _LEAST:
            return None
        answers.append(found)
    if len(answers) < 2:  # "find files and do this": one command over them, known as a whole
        return None
    return put_together(answers, _certainty(answers, whole_answers))


def _certainty(answers: Sequence[Placed], whole_answers: Iterable[Draft]) -> float:
    """Say how sure the whole is: as its weakest part, and less than a recipe that fits well."""
    weakest = min(answer.draft.confidence for answer in answers)
    sure = min(1.0, weakest * (_SEVERAL if weakest >= _FOUND_EXACTLY else _GUESSED))
    recipes = [each.confidence for each in whole_answers if each.recipe]
    best = max(recipes, default=0.0)
    return min(sure, best - _JUST_BELOW) if best >= _GOOD else sure


def _joined(clauses: list[str], parts: list[Part]) -> list[str]:
    """Join neighbours that say one thing together: "sort a.txt" and "save the result to b.txt"."""
    joined: list[str] = []
    while clauses:
        for count in range(min(3, len(clauses)), 1, -1):
            together = " and ".join(clauses[:count])
            whole = said_by(together, parts, {})
            if whole is not None and not whole.loose:
                clauses = [together, *clauses[count:]]
                break
        joined.append(clauses[0])
        clauses = clauses[1:]
    return joined


def _of_clause(clause: str, parts: list[Part], answer: Answer, said: _Context) -> Placed | None:
    """Answer one clause, and say in which folder its steps run; remember what it names."""
    resolved = _resolved(clause, said)
    for text in dict.fromkeys((resolved, clause)):
        if found := said_by(text, parts, said.named):
            _remember(found, said, None)
            return Placed(_of_part(found))
    inner, folder = _inside(clause, said)
    if folder is not None:
        inner = _resolved(inner, said)
        if found := said_by(inner, parts, said.named):
            _remember(found, said, folder)
            return Placed(_of_part(found), folder)
    if _OF_OUTPUT.match(clause):
        return None
    draft = answer(inner if folder is not None else resolved)
    if draft is None:
        return None
    if said.selected:
        said.selected = _after(clause, said.selected)
    return Placed(_completed(draft, said), folder)


def _resolved(clause: str, said: _Context) -> str:
    """Put what pronouns mean in their place."""

    def noun(found: re.Match[str]) -> str:
        name = found["noun"].lower()
        return said.named.get(_SAME_NOUN.get(name, name), found.group())

    clause = outside_quotes(clause, lambda part: _NOUN.sub(noun, part))
    it = said.selected or said.named.get("it")
    if not it:
        return clause
    return outside_quotes(clause, lambda part: _PRONOUN.sub(lambda _: it, part))


def _inside(clause: str, said: _Context) -> tuple[str, str | None]:
    """Take "there" or "in the folder x" from a clause's end; give the folder, None without."""
    text = plain_clause(clause)
    if (found := _INSIDE.search(text)) and "folder" in said.named:
        return text[: found.start()], said.named["folder"]
    if (found := _IN_FOLDER.search(text)) and (found["noun"] or found["name"] in said.folders):
        return text[: found.start()], found["name"]
    return clause, None


def _remember(found: Said, said: _Context, folder: str | None) -> None:
    """Keep what the clause named; a file made in a folder is there for the next clause."""

    def placed(name: str, value: str) -> str:
        at_home = folder is None or name in ("branch", "tag", "table", "folder")
        return value if at_home else f"{folder}/{value}"

    it = found.it
    for name in _REMEMBERED:
        if value := found.values.get(name):
            said.named[name] = placed(name, value)
    if "output" in found.values:
        said.named["file"] = said.named["output"]
    if "folder" in found.values:
        said.folders.add(found.values["folder"])
    if it:
        name = "branch" if it in (found.values.get("branch"), found.values.get("tag")) else "file"
        said.named["it"] = it if it == found.values.get("folder") else placed(name, it)
        if name == "file" and "file" in found.values:
            said.named["file"] = said.named["it"]
    said.selected = ""


def _after(clause: str, selected: str) -> str:
    """Say what the selected files are called after a clause: compressed ones end in .gz."""
    if not re.match(r"(?:compress|gzip|zip)\b", plain_clause(clause), re.IGNORECASE):
        return selected
    name = re.search(r"\*?(\.\w+)|\b(\w+) files", selected)
    ending = (name[1] or f".{name[2]}") if name else ""
    return f"*{ending}.gz files"


def _of_part(found: Said) -> Draft:
    part = found.part
    steps = []
    for step in part.steps:
        written = {"id": f"{part.id}-{step.id}" if step.id else part.id, "run": step.run.strip()}
        written |= {"undo": step.undo} if step.undo else {}
        written |= {"confirm": step.confirm} if step.confirm else {}
        steps.append(written)
    inputs = {
        name: {"description": f"the {name.replace('_', ' ')}", "default": found.values[name]}
        for name in part.variables
    }
    workflow: dict[str, Any] = {"flow": 1, "name": part.id, "steps": steps}
    if inputs:
        workflow["inputs"] = inputs
    return Draft(title=part.title, workflow=workflow, confidence=_EXACT, matched=True)


def _completed(draft: Draft, said: _Context) -> Draft:
    """Give inputs without a value what was named before; each that stays open costs certainty."""
    workflow = plain_workflow(draft)
    inputs = dict(workflow.get("inputs", {}))
    lacking = False
    for name, given in inputs.items():
        if given.get("default") is None:
            known = said.named.get("file" if name == "path" else name)
            lacking = lacking or known is None
            inputs[name] = given if known is None else {**given, "default": known}
    if inputs:
        workflow["inputs"] = inputs
    confidence = draft.confidence * (_LACKING if lacking else 1.0)
    return Draft(title=draft.title, workflow=workflow, confidence=confidence, matched=True)
