"""What is executed for a launch, and with which environment."""

import stat
from pathlib import Path

import pytest

from flowd.errors import SpawnFailed
from flowd.exec.commands import command_of, environment_of, forget_programs, mark_of
from support.attempts import key_of, launch_of


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", ("bash", "-e")),
        ("sh", ("sh", "-e")),
        ("zsh", ("zsh", "-e")),
        ("fish", ("fish",)),
        ("python", ("python3", "-u")),
    ],
)
def test_each_shell_is_found_on_the_path_of_the_run(tmp_path, shell, words):
    found = program(tmp_path / "bin", words[0])
    launch = launch_of("true", shell=shell, environment={"PATH": f"/nowhere:{found.parent}"})
    assert command_of(launch, "/s/script") == (str(found), *words[1:], "/s/script")


def test_a_shell_that_is_not_installed(tmp_path):
    launch = launch_of("true", shell="fish", environment={"PATH": str(tmp_path)})
    with pytest.raises(SpawnFailed, match="fish is not installed") as caught:
        command_of(launch, "/s/script")
    assert "install fish" in caught.value.cure
    program(tmp_path, "fish")
    assert command_of(launch, "/s/script")  # its absence is not remembered


def test_a_shell_that_was_moved_is_looked_for_anew(tmp_path):
    first, second = program(tmp_path / "1", "zsh"), program(tmp_path / "2", "zsh")
    path = f"{first.parent}:{second.parent}"
    launch = launch_of("true", shell="zsh", environment={"PATH": path})
    assert command_of(launch, "/s")[0] == str(first)
    first.unlink()
    forget_programs()
    assert command_of(launch, "/s")[0] == str(second)


def test_without_a_path_the_usual_places_are_searched():
    assert command_of(launch_of("true", environment={}), "/s")[0].endswith("/bash")


def test_a_script_knows_which_attempt_it_is():
    launch = launch_of("true", key_of("build", 3), cwd="/src", environment={"A": "1", "PWD": "/x"})
    environment = environment_of(launch, "/steps/folder")
    assert environment == {
        "A": "1",
        "PWD": "/src",
        "FLOW_RUN": "run0000001",
        "FLOW_STEP": "build",
        "FLOW_ATTEMPT": "3",
        "FLOW_ATTEMPT_ID": "run0000001/build/run/3",
        "FLOW_OUTPUT": "/steps/folder/output",
    }
    name, _, value = mark_of("/steps/folder").partition("=")
    assert environment[name] == value
