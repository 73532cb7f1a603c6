"""What the language allows and this version cannot keep its word on."""

from collections.abc import Iterator

from flowd.domain.problems import Path
from flowd.domain.workflow import Workflow


def unsupported(workflow: Workflow) -> Iterator[tuple[Path, str, str]]:
    """Give each place that keeps the workflow from running here: its path, what, and the cure."""
    for index, step in enumerate(workflow.steps):
        path: Path = ("steps", index)
        if step.secrets:
            yield (
                (*path, "secrets"),
                f"step {step.id}: secrets: cannot be handed over yet",
                "let the script read them from a file or a keyring",
            )
