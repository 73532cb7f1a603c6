"""What an editor shows of a step or key under the cursor."""

from lsprotocol import types

from flowd.domain.keys import KEYS
from flowd.domain.nodes import Mapping, Node, Sequence
from flowd.domain.ports import StepJudgement
from flowd.domain.workflow import Step
from flowd.server.lsp.editor import Editor
from flowd.server.lsp.explaining import explain_at
from flowd.server.lsp.parts import Path, part_of

_TOP: Path = ()
_CONSEQUENCES = {
    "allow": "runs without asking",
    "confirm": "must be confirmed before it runs",
    "block": "is blocked",
}
_REVERSIBILITY = {
    "reversible": "changes nothing that would have to be undone",
    "compensable": "can be undone by its `undo`",
    "saved": "can be undone: the files it changes are kept before it runs",
    "irreversible": "cannot be undone: it has no `undo`",
}


async def hover(editor: Editor, params: types.HoverParams) -> types.Hover | None:
    """Explain the key under the cursor, and what running its step would mean."""
    document = editor.documents.get(params.text_document.uri)
    if document is None or not document.is_workflow:
        return None
    analysis = await editor.analysis_of(document)
    reading = analysis.reading
    if reading.root is None or reading.draft is None:
        return None
    found = _key_at(reading.root, document.offset(params.position))
    if found is None:
        return None
    path, span = found
    lines = []
    help_text = KEYS.get(part_of(path[:-1]) or object, {}).get(str(path[-1]), "")
    if help_text:
        lines.append(f"`{path[-1]}`: {help_text}")
    if path[0] == "steps" and len(path) == 3 and isinstance(path[1], int):
        step = reading.draft.steps[path[1]]
        judged = analysis.judged.get(step.id)
        if judged is not None:
            lines.append(_describe(step, judged))
    if path[0] == "steps" and isinstance(path[1], int):
        offset = document.offset(params.position)
        lines += await explain_at(editor, document, analysis, path, offset)
    text = types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join(lines))
    return types.Hover(contents=text, range=document.range(*span)) if lines else None


def _key_at(root: Node, offset: int) -> tuple[Path, tuple[int, int]] | None:
    """Give the path of the key at the offset, or whose value is there, and the key's characters."""
    node, path = root, _TOP
    found: tuple[Path, tuple[int, int]] | None = None
    while True:
        below: tuple[str | int, Node] | None = None
        if isinstance(node, Mapping):
            for key, value in node.entries:
                if key.span[0] <= offset <= max(key.span[1], value.span[1]):
                    below = (key.text, value)
                    found = ((*path, key.text), key.span)
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                if item.span[0] <= offset <= item.span[1]:
                    below = (index, item)
        if below is None:
            return found
        path, node = (*path, below[0]), below[1]


def _describe(step: Step, judged: StepJudgement) -> str:
    verdict = judged.judgement.verdict
    lines = [
        f"**{step.name or step.id}** {_CONSEQUENCES[verdict]}; "
        f"it {_REVERSIBILITY[judged.reversibility]}."
    ]
    lines += [f"- {finding.message} (`{finding.rule}`)" for finding in judged.judgement.findings]
    return "\n".join(lines)
