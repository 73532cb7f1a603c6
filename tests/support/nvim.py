"""A real Neovim without a screen, with the plugin of this tree."""

import contextlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pynvim

PLUGIN = Path(__file__).resolve().parents[2] / "clients" / "nvim"
PATIENCE_MS = 20_000


def find_neovim() -> str | None:
    """The Neovim installed beside this Python, or the one on PATH."""
    beside = Path(sys.executable).parent / "nvim"
    return str(beside) if beside.exists() else shutil.which("nvim")


class Neovim:
    """One Neovim, driven from outside."""

    def __init__(self, session: Any):
        self._session = session

    def lua(self, code: str, *arguments: object) -> Any:
        """Run Lua; `...` in it are the arguments."""
        return self._session.exec_lua(code, *arguments)

    def command(self, command: str) -> None:
        """Run an Ex command."""
        self._session.command(command)

    def text(self) -> list[str]:
        """Lines of the current buffer."""
        return list(self._session.current.buffer[:])

    def wait(self, condition: str) -> None:
        """Let Neovim's own loop turn until the Lua expression holds: messages arrive only there."""
        code = f"return (vim.wait({PATIENCE_MS}, function() return {condition} end, 20))"
        if not self.lua(code):
            shown = self.lua("return vim.fn.execute('messages')")
            lines = "\n".join(self.text())
            raise AssertionError(f"never: {condition}\nmessages:{shown}\nbuffer:\n{lines}")


@contextlib.contextmanager
def neovim(home: Path, environment: Mapping[str, str], setup: str = "") -> Iterator[Neovim]:
    """Start Neovim with empty settings under `home`; `setup` is Lua run before anything else."""
    binary = find_neovim()
    assert binary is not None, "ask find_neovim first"
    init = home / "init.lua"
    init.write_text(
        f"vim.opt.runtimepath:prepend({str(PLUGIN)!r})\nvim.opt.swapfile = false\n{setup}\n"
    )
    variables = {
        **environment,
        **{f"XDG_{name}_HOME": str(home / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")},
    }
    start = ["env", *(f"{name}={value}" for name, value in variables.items()), binary]
    session = pynvim.attach(
        "child", argv=[*start, "--embed", "--headless", "--clean", "-u", str(init)]
    )
    try:
        yield Neovim(session)
    finally:
        with contextlib.suppress(OSError, EOFError):
            session.command("qa!")
        session.close()
