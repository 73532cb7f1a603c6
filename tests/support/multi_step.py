"""Tasks of several steps (`tests/eval/multi_step.yaml`), carried out in a bubblewrap sandbox."""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct, field

ROWS_FILE = Path(__file__).parents[1] / "eval" / "multi_step.yaml"
HOME = "/home/user"
_SECONDS = 60.0
_WHO = {"NAME": "Dev", "EMAIL": "dev@example.org", "DATE": "2024-01-01T00:00:00Z"}
_ENVIRONMENT = {
    "HOME": HOME,
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "LANG": "C.UTF-8",
    "PAGER": "cat",
    "GIT_EDITOR": "true",
    **{f"GIT_AUTHOR_{what}": said for what, said in _WHO.items()},
    **{f"GIT_COMMITTER_{what}": said for what, said in _WHO.items()},
}


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One task. It is done when `check` succeeds and `answer`, if any, was the last line told."""

    kind: str
    task: str
    setup: str
    reference: list[str]
    check: str = ""
    answer: str = ""

    @property
    def held_out(self) -> bool:
        """Whether nothing may be tuned on this row."""
        return hashlib.sha256(self.task.encode()).digest()[0] % 2 == 1


class Step(Struct, frozen=True):
    """A script, the folder it runs in, and its variables."""

    run: str
    cwd: str = "."
    variables: Mapping[str, str] = field(default_factory=dict)


def load_rows() -> list[Row]:
    """Read all rows."""
    return msgspec.convert(yaml.safe_load(ROWS_FILE.read_text("utf-8")), list[Row])


def cannot_confine() -> str:
    """Say why no sandbox can be made here; empty when one can."""
    with _folder() as folder:
        try:
            ran = _bash("true", folder)
        except FileNotFoundError:
            return "bubblewrap (bwrap) is not installed"
    return f"bubblewrap makes no sandbox here: {ran.stderr.strip()}" if ran.returncode else ""


def lacking(row: Row) -> str:
    """Name a program the row needs and the machine lacks; empty when there is none."""
    needed = {"sqlite": "sqlite3", "node": "npm", "make": "make", "git": "git"}.get(row.kind)
    return needed if needed and not Path("/usr/bin", needed).exists() else ""


def carry_out(row: Row, steps: Sequence[Step]) -> str:
    """Do the steps in a fresh sandbox up to the first that fails; say why the task is not done.

    Empty when it is done.
    """
    with _folder() as folder:
        ran = _bash(row.setup, folder)
        assert ran.returncode == 0, f"the setup of {row.task!r} fails: {ran.stderr}"
        told, failed = "", ""
        for step in steps:
            try:
                ran = _bash(step.run, folder, step.cwd, step.variables)
            except subprocess.TimeoutExpired:
                failed = f"{step.run}: no end within {_SECONDS:.0f} s"
                break
            told += ran.stdout
            if ran.returncode:
                failed = f"{step.run}: exit {ran.returncode}: {ran.stderr.strip()[-200:]}"
                break
        if row.answer:
            last = told.strip().splitlines()[-1].strip() if told.strip() else ""
            if last != row.answer:
                return failed or f"the answer is {row.answer}, not {last!r}"
        if row.check and _bash(row.check, folder).returncode:
            return failed or "the check fails"
    return ""


@contextmanager
def _folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="flow-eval-", ignore_cleanup_errors=True) as folder:
        yield folder


def _bash(
    script: str, folder: str, cwd: str = ".", variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    words = ["bwrap", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
    for name in ("bin", "lib", "lib64", "sbin"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", folder, HOME]
    words += ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in {**_ENVIRONMENT, **(variables or {})}.items():
        words += ["--setenv", name, value]
    words += ["--chdir", str(Path(HOME, cwd)), "bash", "-c", script]
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
