"""What a language model is told. The instructions never change, so servers can cache them."""

from flowd.domain.parse import to_object
from flowd.domain.workflow import Workflow
from flowd.suggest.providers.base import Draft, Question

MOST_EXAMPLES = 3
MOST_FILES = 40
MOST_TASKS = 20
MOST_SELECTION_CHARACTERS = 4000

INSTRUCTIONS = """\
You turn a developer's task into shell workflows for bash on Linux. Answer with one JSON object:
{"suggestions": [{"title": "...", "why": "...", "confidence": 0.5,
  "inputs": {"name": {"description": "...", "default": "..."}},
  "steps": [{"id": "short-id", "run": "shell", "undo": "shell", "confirm": "question"}]}]}
Rules:
- One to three suggestions, best first; confidence from 0 to 1. Few steps, each doing one thing.
- Every step is a shell of its own in the same folder: `cd`, `source` and variables do not last.
- A value you do not know is an input, used as "$name" in double quotes. Never write placeholders
  such as <file>. Leave "inputs" out when there are none.
- "undo" takes the step back and is safe to run; leave it out when nothing has to be undone or
  nothing can be. "confirm" only before what cannot be taken back.
- No interactive programs, no editors, no pagers, no sudo unless the task asks for it.
- Use only programs and options that exist. Prefer what the project itself defines.
"""

ANSWER_SCHEMA: dict[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["suggestions"],
    "properties": {
        "suggestions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["title", "steps"],
                "properties": {
                    "title": {"type": "string"},
                    "why": {"type": "string"},
                    "confidence": {"type": "number"},
                    "inputs": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "properties": {
                                "description": {"type": "string"},
                                "default": {"type": "string"},
                            },
                        },
                    },
                    "steps": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "run"],
                            "properties": {
                                "id": {"type": "string"},
                                "run": {"type": "string"},
                                "undo": {"type": "string"},
                                "confirm": {"type": "string"},
                            },
                        },
                    },
                },
            },
        }
    },
}


def question_text(question: Question) -> str:
    """Put the question into words: the folder's facts, then the task, then what was found.

    Found examples come last, as options: a small model copies the first one it sees otherwise.
    """
    context = question.context
    lines = [f"Project kinds: {', '.join(context.kinds) or 'unknown'}"]
    if context.files:
        lines.append(f"Files here: {', '.join(context.files[:MOST_FILES])}")
    if context.git is not None:
        lines.append(f"Git branch: {context.git.branch or '(detached)'}")
    if context.tasks:
        lines.append("The project defines:")
        lines += [f"  {task.command}  # {task.name}" for task in context.tasks[:MOST_TASKS]]
    if question.selection:
        lines.append(f"Selected text ({question.language or 'text'}):")
        lines.append(question.selection[:MOST_SELECTION_CHARACTERS])
    if question.habits:
        lines.append(f"The user prefers: {'; '.join(question.habits)}")
    lines.append(f"Task: {question.task}")
    examples = [_example(draft) for draft in question.retrieved[:MOST_EXAMPLES]]
    if examples:
        lines.append("Perhaps useful, perhaps not:")
        lines += examples
    return "\n".join(lines)


def _example(draft: Draft) -> str:
    workflow = draft.workflow
    plain = to_object(workflow) if isinstance(workflow, Workflow) else dict(workflow)
    steps = plain.get("steps")
    scripts = [str(step.get("run", "")) for step in steps] if isinstance(steps, list) else []
    return f"- {draft.title}: " + " ; then ".join(scripts)
