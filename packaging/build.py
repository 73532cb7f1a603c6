"""Build everything that is handed out. What each file is for: packaging/README.md.

The folder to build into is the argument, or dist/. Needs Flow and the tools of the `dev` group
installed, as `make dist` sees to. No network is used.
"""

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from man_pages import write_man_pages

ROOT = Path(__file__).resolve().parent.parent
# Under these names the shells find a script by themselves in their folders for completions.
COMPLETIONS = {"bash": "flowctl", "zsh": "_flowctl", "fish": "flowctl.fish"}


def main() -> None:
    """Build into the folder named on the command line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    build_distributions(folder)
    write_completions(folder / "completions")
    write_man_pages(folder / "man")
    shutil.copy(ROOT / "packaging" / "README.md", folder)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(path)


def build_distributions(folder: Path) -> None:
    """Build the sdist and the wheel. CalledProcessError when hatchling fails; it says why."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)


def write_completions(folder: Path) -> None:
    """Write what `flowctl completion SHELL` prints, in a folder for each shell."""
    for shell, name in COMPLETIONS.items():
        place = folder / shell / name
        place.parent.mkdir(parents=True, exist_ok=True)
        script: str = import_module(f"flowctl.completion.{shell}").script()
        place.write_text(script, encoding="utf-8")


if __name__ == "__main__":
    main()
