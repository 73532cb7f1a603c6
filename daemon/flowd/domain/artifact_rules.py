"""What a pattern of `artifacts` may be: it stays in the step's folder, and has an end."""

from flowd.domain.problems import Path, Problems
from flowd.domain.workflow import Step

MOST_CHARACTERS = 1024
MOST_PARTS = 32  # folders in one another


def check_artifacts(step: Step, path: Path, problems: Problems) -> None:
    """Record what is wrong with the patterns of a step."""
    for index, pattern in enumerate(step.artifacts):
        what, cure = _problem_with(pattern)
        if what:
            problems.add((*path, "artifacts", index), what, cure)


def _problem_with(pattern: str) -> tuple[str, str]:
    parts = pattern.split("/")
    if not pattern.strip():
        return "a pattern of `artifacts` is empty", "write one, such as dist/*.whl, or remove it"
    if pattern.startswith(("/", "~")):
        what = f"{pattern!r} is not within the step's folder"
        return what, "write a path seen from there, or set `cwd`"
    if ".." in parts:
        return f"{pattern!r} leads out of the step's folder", "set `cwd` to the folder above"
    if "$" in pattern:
        what = f"{pattern!r}: patterns hold no variables"
        return what, "write * in its place, or have the script put the files into one folder"
    if len(pattern) > MOST_CHARACTERS or len(parts) > MOST_PARTS:
        return "this pattern is too long", f"at most {MOST_PARTS} folders in one another"
    if sum(part == "**" for part in parts) > 1:
        return f"{pattern!r} has ** twice", "once is enough to go through all folders"
    return "", ""
