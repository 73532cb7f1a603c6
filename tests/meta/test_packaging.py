"""What `make dist` builds: complete, and readable by the programs it is for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowctl.completion.words import every_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = subprocess.run(
        [sys.executable, ROOT / "packaging" / "build.py", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


def test_everything_the_readme_promises_is_there(built: Path) -> None:
    made = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert {
        "README.md",
        "completions/bash/flowctl",
        "completions/zsh/_flowctl",
        "completions/fish/flowctl.fish",
        "man/flowctl.1",
        "man/flowd.1",
    } < made
    assert [name for name in made if name.endswith(".whl")]
    assert [name for name in made if name.endswith(".tar.gz")]


def test_every_command_and_option_has_its_place_in_the_manual(built: Path) -> None:
    page = (built / "man" / "flowctl.1").read_text(encoding="ascii").replace(r"\-", "-")
    for name, command in every_command():
        assert f"\n.SS {name}\n" in page
        for argument in command.arguments:
            assert argument.name in page if argument.is_option else argument.value in page


@pytest.mark.parametrize("name", ["flowctl", "flowd"])
def test_groff_has_nothing_to_complain_of(built: Path, name: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed, so nobody here can read a manual page")
    shown = subprocess.run(
        [groff, "-man", "-ww", "-Tascii", "-P-cbou", built / "man" / f"{name}.1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    assert "SYNOPSIS" in shown.stdout


@pytest.mark.parametrize(("shell", "name"), [("bash", "flowctl"), ("zsh", "_flowctl")])
def test_a_shell_reads_its_completion(built: Path, shell: str, name: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script = built / "completions" / shell / name
    subprocess.run([program, "-n", script], check=True)
