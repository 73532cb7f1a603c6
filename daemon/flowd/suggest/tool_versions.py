"""Which versions of well-known programs are here, asked in the background and remembered."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import trio

ASKED = (
    *("git", "python3", "node", "npm", "docker", "podman", "make", "cargo", "rustc", "rg", "jq"),
    *("gh", "uv", "pip", "ruff", "sqlite3", "psql", "curl", "rsync", "systemctl", "bash"),
)
"""Programs known to answer `--version` at once, and to do nothing else then."""
_SECONDS = 5.0
_NUMBER = re.compile(r"\d+(?:\.\d+)+\S*|\b\d{2,}\b")


class ToolVersions:
    """Versions by the path and modification time of programs. `serve` finds them out."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], str] = {}
        self._wanted = trio.Event()

    def known(self, programs: Iterable[str]) -> dict[str, str]:
        """Give what is known already, and have the rest found out. Looks at files only."""
        versions: dict[str, str] = {}
        for name in programs:
            key = _key(name)
            if key is None:
                continue
            if key not in self._known:
                self._wanted.set()
            elif self._known[key]:
                versions[name] = self._known[key]
        return versions

    async def serve(self) -> None:
        """Find out what was wanted, one program at a time, for as long as the daemon lives."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            for name in ASKED:
                key = await trio.to_thread.run_sync(_key, name)
                if key is not None and key not in self._known:
                    self._known[key] = await _ask(key[0])


def _key(name: str) -> tuple[str, int] | None:
    path = shutil.which(name)
    try:
        return (path, Path(path).stat().st_mtime_ns) if path else None
    except OSError:
        return None


async def _ask(path: str) -> str:
    """Give the version a program states; "" when it does not within five seconds."""
    with trio.move_on_after(_SECONDS):
        try:
            done = await trio.run_process(
                [path, "--version"],
                capture_stdout=True,
                stderr=subprocess.DEVNULL,
                check=False,
                cwd="/",  # not where a project could have put what the program reads
            )
        except OSError:
            return ""
        found = _NUMBER.search(done.stdout[:2000].decode("utf-8", "replace"))
        return found[0].strip(",;()") if found and done.returncode == 0 else ""
    return ""
