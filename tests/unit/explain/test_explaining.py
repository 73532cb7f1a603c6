"""Manuals are found on a machine of our own; nothing of the project runs, and time is bounded."""

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from flowd.exec import flags, help_texts
from flowd.exec.descriptions import describe
from flowd.exec.option_texts import NO_MANUAL
from flowd.explain import explaining
from flowd.explain.explaining import explain
from flowd.explain.reading import Reading

PAGE = ".TH FROB 1\n.SH NAME\nfrob \\- frobs\n.SH OPTIONS\n.TP\n.B \\-a\nFrob all.\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine with a program `frob` and its page, and no other page."""
    (tmp_path / "share/man/man1").mkdir(parents=True)
    (tmp_path / "share/man/man1/frob.1").write_text(PAGE)
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin/frob", "exit 1")
    monkeypatch.setattr(flags, "_FOLDERS", ())
    flags.find_page.cache_clear()
    yield tmp_path
    flags.find_page.cache_clear()


def program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


async def read(machine: Path, script: str, **more: object) -> Reading:
    path = f"{machine / 'bin'}:{os.defpath}"
    return await explain(script, "bash", path=path, aside=str(machine / "project"), **more)


async def test_the_manual_of_this_machine_is_read(machine: Path):
    reading = await read(machine, "frob -a -b; echo -n x")
    said = {part.text: part.meaning for part in reading.parts}
    assert (said["frob"], said["-a"], said["-b"]) == ("frobs", "Frob all.", "")
    assert [command.source for command in reading.commands] == ["frob(1)", "help echo"]
    assert "newline" in said["-n"]
    assert reading.complete


async def test_well_known_programs_are_asked_and_those_of_the_project_never(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(help_texts, "_told", {})
    told = machine / "started"
    script = f"echo started >> {told}; echo 'Lints it all'; echo '  -q, --quiet  Be quiet'"
    program(machine / "bin/ruff", script)
    (machine / "project/bin").mkdir(parents=True)
    program(machine / "project/bin/mypy", script)
    (machine / "bin/black").symlink_to(machine / "project/bin/mypy")
    program(machine / "bin/stranger", script)
    path = f"{machine / 'bin'}:{machine / 'project/bin'}"
    sources = [
        (await describe(name, (), path=path, aside=str(machine / "project"))).source
        for name in ("mypy", "black", "stranger", "ruff", "ruff")
    ]
    assert sources == ["", "", "", "ruff --help", "ruff --help"]
    assert told.read_text() == "started\n"  # ruff, once


async def test_a_program_that_is_asked_finds_none_of_the_project(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(help_texts, "_told", {})
    (machine / "project/bin").mkdir(parents=True)
    program(machine / "project/bin/cargo-part", f"touch {machine}/started")
    program(machine / "bin/cargo", "cargo-part; echo '  -q, --quiet  Be quiet'")
    path = f"{machine / 'project/bin'}:{machine / 'bin'}:{os.defpath}"
    manual = await describe("cargo", (), path=path, aside=str(machine / "project"))
    assert manual.source == "cargo --help"
    assert not (machine / "started").exists()


async def test_a_tldr_page_says_what_a_program_is_for(machine: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(machine))
    pages = machine / ".cache/tldr/pages/common"
    pages.mkdir(parents=True)
    (pages / "zork.md").write_text("# zork\n\n> Plays a game.\n> More: <x>.\n\n- Play:\n\n`zork`\n")
    manual = await describe("zork", (), path="", aside="")
    assert (manual.source, manual.about) == ("tldr zork", "Plays a game.")
    assert await describe("../zork", (), path="", aside="") == manual  # only ever a name
    assert await describe("nothing-like-it", (), path="", aside="") == NO_MANUAL


async def test_what_was_imported_says_what_a_program_without_a_manual_is_for(machine: Path):
    async def imported(topic: str) -> str:
        return {"zork": "Plays a game.", "frob": "Never asked.", "npm ci": "Installs."}.get(
            topic, ""
        )

    reading = await read(machine, "zork; frob; npm ci; other", imported=imported)
    assert [(command.about, command.source) for command in reading.commands] == [
        ("Plays a game.", "imported"),
        ("frobs", "frob(1)"),
        ("Installs.", "imported"),
        ("", ""),
    ]


async def test_it_ends_in_time_with_what_there_is(
    machine: Path, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
):
    async def slow(name: str, parts: tuple[str, ...], **_where: str):
        await trio.sleep(4 if name == "tar" else 1)
        return await describe("frob", parts, path=str(machine / "bin"), aside="")

    monkeypatch.setattr(explaining, "describe", slow)
    mock_clock.autojump_threshold = 0.2  # reading happens in threads, which it does not wait for
    began = trio.current_time()
    reading = await read(machine, "frob -a | tar -x", seconds=3.0)
    assert trio.current_time() - began == 3.0
    assert [part.meaning for part in reading.parts if part.text in ("-a", "-x")] == [
        "Frob all.",
        "",
    ]
    assert not reading.complete
    assert (await read(machine, "frob -a", seconds=0)).parts[1].meaning == ""


async def test_python_is_not_taken_apart(machine: Path):
    reading = await explain("print(1)\n\nprint(2)\n", "python", path="", aside="")
    assert reading.sentence == "Runs a Python script of 2 lines."
    assert not reading.complete
