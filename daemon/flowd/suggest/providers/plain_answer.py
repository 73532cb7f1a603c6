"""One plain command from a small model: asked for JSON, it takes ten times as long and is worse.

Measured with 1.5 billion parameters on 58 tasks: relevant in .45 of them when asked for a command,
in .0 to .2 when asked for objects with titles and steps, because it copies the example it is given.
"""

import re
import shutil

from flowd.domain.parse import workflow_from_object
from flowd.errors import InvalidWorkflow
from flowd.suggest.context import KNOWN_PROGRAMS
from flowd.suggest.imports.holes import ANGLES, script_of
from flowd.suggest.providers.base import Draft

_FENCED = re.compile(r"```[\w-]*[ \t]*\n(?P<script>.*?)(?:```|\Z)", re.DOTALL)
_PROMPT = re.compile(r"^\s*[$>] ")
_FIRST_WORD = re.compile(r"^(?:sudo\s+(?:-\S+\s+)*|\w+=\S*\s+)*(?P<word>[^\s;|&<>()]+)")
_LONGEST = 2000  # characters
_TITLE_CHARACTERS = 80
_SHELL_WORDS_TEXT = """
    . [ [[ alias bg case cd command declare echo eval exec exit export false fg for function
    getopts hash history if jobs kill let local mapfile popd printf pushd pwd read readonly return
    select set shift shopt source test time times trap true type ulimit umask unalias unset until
    wait while { ( ((
"""
_SHELL_WORDS = frozenset(_SHELL_WORDS_TEXT.split())


def read_plain(text: str, task: str) -> tuple[list[Draft], str]:
    """Give the command in a model's text as a draft, or a complaint. Holes become inputs."""
    fenced = _FENCED.search(text)
    written = fenced["script"] if fenced else text.strip().partition("\n\n")[0]
    lines = [_PROMPT.sub("", line) for line in written.strip().strip("`").splitlines()]
    command = "\n".join(line for line in lines if not line.lstrip().startswith("#")).strip()
    if not command:
        return [], "there is no command in it"
    first = _FIRST_WORD.match(command)
    if len(command) > _LONGEST or first is None or not _is_program(first["word"]):
        return [], "it is not a command, or of a program nobody knows"
    filled = script_of(command, ANGLES)
    workflow = {
        "flow": 1,
        "name": re.sub(r"[^a-z0-9]+", "-", task.lower()).strip("-")[:40].strip("-") or "command",
        "steps": [{"id": "run", "run": filled.script}],
    }
    if filled.inputs:
        workflow["inputs"] = {name: {"description": told} for name, told in filled.inputs.items()}
    try:
        read = workflow_from_object(workflow)
    except InvalidWorkflow as error:
        return [], error.message
    title = " ".join(command.split())
    return [Draft(title=title[:_TITLE_CHARACTERS], workflow=read)], ""


def _is_program(word: str) -> bool:
    """Whether a line that begins so may be a command. Sentences begin with other words."""
    return (
        word in _SHELL_WORDS
        or word in KNOWN_PROGRAMS
        or word.startswith(("./", "/", "~/"))
        or shutil.which(word) is not None
    )
