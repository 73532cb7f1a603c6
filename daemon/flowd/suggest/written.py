"""What people wrote about a project: the commands in its README, and notes for suggestions."""

import os
import platform
import re
from pathlib import Path

_LARGEST_BYTES = 200_000
_READMES = ("README.md", "Readme.md", "readme.md", "README.markdown", "README")
_SHELL_BLOCK = re.compile(
    r"^[ ]{0,3}```[ ]*(?:sh|bash|shell|console|zsh|terminal|shell-session)\b[^\n]*\n"
    r"(.*?)^[ ]{0,3}```",
    re.DOTALL | re.MULTILINE,
)
NOTES = ".flow/context.md"


def readme_commands(folder: Path) -> str:
    """Give the shell blocks of the folder's README, one after the other; "" when it has none.

    Of blocks that show output, too, only what follows the prompt is a command.
    """
    for name in _READMES:
        if text := _text(folder / name):
            blocks = [_commands(block) for block in _SHELL_BLOCK.findall(text)]
            return "\n".join(dict.fromkeys(line for block in blocks for line in block))
    return ""


def notes(root: Path, own: Path | None) -> str:
    """Give what the user wants suggestions to know: everywhere (file `own`), and in this project.

    `root` is the folder whose `.flow/context.md` counts.
    """
    texts = [_text(own) if own else "", _text(root / NOTES)]
    return "\n".join(text.strip() for text in texts if text.strip())


def system() -> str:
    """Name the operating system, the machine and the user's shell in one line."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    shell = Path(os.environ.get("SHELL", "")).name or "sh"
    return f"{name or platform.system()} {platform.machine()}, shell {shell}"


def _commands(block: str) -> list[str]:
    lines = [line.strip() for line in block.splitlines()]
    typed = [line[2:] for line in lines if line.startswith("$ ")]
    return typed or [line for line in lines if line and not line.startswith("#")]


def _text(path: Path) -> str:
    """Give the beginning of a plain file; "" for anything else, such as a pipe."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LARGEST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
