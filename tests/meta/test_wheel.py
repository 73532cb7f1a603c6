"""What is installed: a wheel built from this tree holds the packages, their data, nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "flowd": ROOT / "daemon" / "flowd",
    "flowproto": ROOT / "protocol" / "flowproto",
    "flowctl": ROOT / "clients" / "shell" / "flowctl",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = target.glob("*.whl")
    return zipfile.ZipFile(path)


def files_of_the_tree() -> set[str]:
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_top_level_is_the_three_packages(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert files_of_the_tree() - set(wheel.namelist()) == set()


@pytest.mark.parametrize(
    "data",
    [
        "flowctl/units/flowd.service",
        "flowctl/units/flowd.socket",
        "flowd/domain/flow.schema.json",
        "flowd/store/schema/0001_event_log.sql",
        "flowproto/py.typed",
    ],
)
def test_data_that_is_read_at_run_time_is_there(wheel: zipfile.ZipFile, data: str) -> None:
    assert data in wheel.namelist()


def test_recipes_are_there(wheel: zipfile.ZipFile) -> None:
    recipes = [name for name in wheel.namelist() if name.startswith("flowd/suggest/recipes/")]
    assert [name for name in recipes if name.endswith(".yaml")]


def test_the_programs_are_declared(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith("/entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert "flowd = flowd.main:main" in text
    assert "flowctl = flowctl.main:main" in text
