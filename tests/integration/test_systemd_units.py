"""The unit files, read by the systemd that is installed here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flowctl.commands.install import units
from flowproto.paths import find_paths

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "clients" / "shell" / "flowctl" / "units"
NAMES = ("flowd.service", "flowd.socket")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    """Let systemd judge the units in a folder; typos count only with --recursive-errors."""
    return subprocess.run(
        [
            *("systemd-analyze", "--user", "verify", "--man=no", "--recursive-errors=one"),
            *(folder / name for name in NAMES),
        ],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["plain", "with blanks", "100%n", "we$ird", "${HOME}"])
def installed(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The units as `flowctl daemon install` writes them, in folders of various names."""
    program = tmp_path / request.param / "flowd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, text in units(str(program)).items():
        (tmp_path / name).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_accepts_the_units(installed: Path) -> None:
    judged = verify(installed)
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


@needs_systemd
def test_systemd_would_miss_the_program(installed: Path) -> None:
    for program in installed.glob("*/flowd"):
        program.unlink()
    assert "is not executable" in verify(installed).stderr


@needs_systemd
@pytest.mark.parametrize("odd", ['"', "'", "\\"])
def test_what_flowctl_refuses_systemd_would_refuse(installed: Path, odd: str) -> None:
    unit = installed / "flowd.service"
    escaped = odd.replace("\\", "\\\\").replace('"', '\\"')
    unit.write_text(unit.read_text().replace("/flowd", f"/{escaped}flowd"))
    assert "contains special characters" in verify(installed).stderr


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_would_reject_a_misspelt_setting(installed: Path, name: str) -> None:
    unit = installed / name
    unit.write_text(unit.read_text().replace("[Install]", "KillMoed=process\n\n[Install]"))
    assert verify(installed).returncode != 0


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_for_packagers_shows_the_units_that_are_installed(name: str) -> None:
    assert (ROOT / "systemd" / name).resolve() == (UNITS / name).resolve()


def test_the_socket_is_where_clients_look_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOW_HOME", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    [listen] = [
        line.partition("=")[2]
        for line in (UNITS / "flowd.socket").read_text().splitlines()
        if line.startswith("ListenStream=")
    ]
    assert listen.replace("%t", "/run/user/1000") == str(find_paths().socket)
