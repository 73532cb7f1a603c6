"""A step's files kept and put back by the real parts, without an engine."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from flowd.exec import restore
from flowd.exec.saving import save
from flowd.exec.survey import Caps, NotSaved, Survey
from flowd.safety.footprint import foresee

CAPS = Caps(1_000_000, 1_000)


def picture(folder: Path) -> dict[str, tuple[str, int, bytes]]:
    """Everything in a folder: kind, mode and content, or where a link leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = os.fsencode(path.readlink())
        else:
            content = path.read_bytes() if path.is_file() else b""
        kind = stat.filemode(status.st_mode)[0]
        mode = 0 if kind == "l" else stat.S_IMODE(status.st_mode)
        found[str(path.relative_to(folder))] = (kind, mode, content)
    return found


def keep(script: str, folder: Path, saved: Path, environment: Mapping[str, str]) -> str:
    """Keep what a script will change there in `saved`; give why not, or "" when it was done.

    When it changes nothing, there is no `saved` afterwards.
    """
    foreseen = foresee(script, shell="bash", cwd=str(folder), environment=environment)
    if not foreseen.complete:
        return foreseen.reason
    survey = Survey(CAPS, avoid=str(saved.parent))
    try:
        survey.take(foreseen.touches)
        if survey.found:
            save(survey, str(saved), threading.Event())
    except NotSaved as refused:
        return str(refused)
    return ""


def run_bash(script: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Run it as the daemon would, to whatever end."""
    subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={**environment, "PATH": os.environ["PATH"], "PWD": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=20,
    )


def put_back(saved: Path) -> str:
    """Restore, and give what it says. CalledProcessError when it fails."""
    if not saved.exists():
        return ""
    return restoring(saved, check=True).stdout


def restoring(saved: Path, *, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the restorer as a holder does."""
    return subprocess.run(
        [sys.executable, "-I", "-S", restore.__file__, str(saved)],
        capture_output=True,
        text=True,
        check=check,
        timeout=60,
    )
