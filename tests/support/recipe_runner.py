"""Carries a recipe's example out in an empty folder that is also HOME, as a step runner would."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flowd.domain.inputs import resolve_inputs, to_environment
from flowd.domain.parse import workflow_from_object
from flowd.domain.workflow import InputValue, Step
from flowd.suggest.binding import fill
from flowd.suggest.library import Example, KnownInput, Recipe

_GIT_SETTINGS = "[user]\n\tname = Dev\n\temail = dev@example.org\n[init]\n\tdefaultBranch = main\n"
_KEPT = ("PATH", "CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT")


class Sandbox:
    """One folder, its environment, and the scripts run in it."""

    def __init__(self, folder: Path):
        self._folder = folder
        settings = folder.with_name(f"{folder.name}.gitconfig")
        settings.write_text(_GIT_SETTINGS)
        self._environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment |= {
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": str(settings),
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
            "CARGO_NET_OFFLINE": "true",
        }

    def bash(self, script: str, inputs: Mapping[str, str] | None = None) -> None:
        """Run a script as a step is run; AssertionError with its output when it fails."""
        ran = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self._folder,
            env={**self._environment, **(inputs or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ran.returncode == 0, (
            f"exit {ran.returncode} of:\n{script}\n--- out\n{ran.stdout}\n--- err\n{ran.stderr}"
        )

    def read(self, name: str) -> str:
        """Give a file's text without its last newline."""
        return (self._folder / name).read_text().removesuffix("\n")


def run_example(recipe: Recipe, known: Mapping[str, KnownInput], folder: Path) -> None:
    """Set up, run every step, check; then undo in reverse, and check that too."""
    example = recipe.example
    assert example is not None
    sandbox = Sandbox(folder)
    sandbox.bash(example.setup)
    workflow = workflow_from_object(fill(recipe, (), known).workflow)
    given = {name: _given(value, sandbox) for name, value in example.inputs.items()}
    inputs = to_environment(resolve_inputs(workflow, given))
    for step in workflow.steps:
        sandbox.bash(step.run, inputs)
        if step.check:
            sandbox.bash(step.check, inputs)
    sandbox.bash(example.check)
    _undo(workflow.steps, example, inputs, sandbox)


def _undo(steps: list[Step], example: Example, inputs: Mapping[str, str], sandbox: Sandbox) -> None:
    plans = [step.undo_plan for step in reversed(steps)]
    if any(plans):
        assert example.undone, "the recipe has undos, and its example does not check them"
    for plan in plans:
        if plan is not None:
            sandbox.bash(plan.run, inputs)
    if example.undone:
        sandbox.bash(example.undone)


def _given(value: InputValue, sandbox: Sandbox) -> InputValue:
    """Give an input's value; `@name` is what the setup wrote to that file."""
    if isinstance(value, str) and value.startswith("@"):
        return sandbox.read(value[1:])
    return value
