"""Options that no manual knows: on pages of our own, and on the real one of git."""

import gzip
import sys
from pathlib import Path

import pytest

from flowd.exec import flags, help_texts
from flowd.exec.flags import Manuals, read_options

MAN = r"""
.TH FROB 1
.SH OPTIONS
.TP
\fB\-\-all\fR, \fB\-a\fR
.TP
.BR \-\-color [=\fIWHEN\fR]
.TP
\fB\-\-[no\-]follow\fP
.IP "\-\-max\-depth=N"
"""
MDOC = """
.Dd May 1
.It Fl Fl verbose
.It Fl -quiet
.It Fl Fl exclude Ns = Ns Ar pattern
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with bin/frob and pages for it and for its part `frob`."""
    (tmp_path / "share/man/man1").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(flags, "_FOLDERS", ())
    flags.find_page.cache_clear()
    yield tmp_path
    flags.find_page.cache_clear()


def page(machine: Path, name: str, source: str = MAN) -> None:
    with gzip.open(machine / f"share/man/man1/{name}.1.gz", "wt") as file:
        file.write(source)


async def unknown(machine: Path, *words: str, program: str = "frob") -> list[tuple[str, str]]:
    return await Manuals().unknown(str(machine / "bin" / program), words)


def test_both_kinds_of_pages_are_read(machine: Path):
    page(machine, "frob")
    page(machine, "mdoc", MDOC)
    (machine / "share/man/man1/other.1").write_text(".so man1/frob.1\n")
    read = [read_options(str(machine / f"share/man/man1/{name}")) for name in
            ("frob.1.gz", "mdoc.1.gz", "other.1", "none.1")]  # fmt: skip
    frob = {"--all", "--color", "--follow", "--no-follow", "--max-depth"}
    assert read == [frob, {"--verbose", "--quiet", "--exclude"}, frob, frozenset()]


async def test_what_was_made_up_is_found_with_what_may_be_meant(machine: Path):
    page(machine, "frob")
    assert await unknown(machine, "--all", "--max-depht=3", "x") == [("--max-depht", "--max-depth")]
    assert await unknown(machine, "--zzz") == [("--zzz", "")]


@pytest.mark.parametrize(
    "words",
    [
        ("--all", "--color=auto", "--no-follow", "--max-depth", "3", "-a", "-xyz"),
        ("--max",),  # GNU programs take beginnings
        ("--no-color",),
        ("--help",),
        ("x", "--", "--not-an-option"),
        ("--\ue000", "--x\ue000=1"),  # known only to the run
    ],
)
async def test_what_may_be_right_is_let_alone(machine: Path, words: tuple[str, ...]):
    page(machine, "frob")
    assert await unknown(machine, *words) == []


async def test_where_no_page_tells_nothing_is_said(machine: Path):
    page(machine, "short", ".TH SHORT 1\n\\-\\-one")
    page(machine, "sudo")
    assert await unknown(machine, "--zzz", program="nowhere") == []
    assert await unknown(machine, "--zzz", program="short") == []
    assert await unknown(machine, "--zzz", program="sudo") == []  # it may be the other program's


async def test_a_part_has_a_page_of_its_own(machine: Path):
    page(machine, "git-frob")
    page(machine, "git", MDOC)
    assert await unknown(machine, "frob", "--zzz", program="git") == [("--zzz", "")]
    assert await unknown(machine, "frob", "--all", program="git") == []
    assert await unknown(machine, "other", "--zzz", program="git") == []
    assert await unknown(machine, "-C", "x", "frob", "--zzz", program="git") == []


@pytest.fixture
def pytest_program() -> str:
    return str(Path(sys.executable).with_name("pytest"))


async def test_a_program_without_a_page_is_asked_if_it_is_known_to_answer(
    machine: Path, pytest_program: str, monkeypatch: pytest.MonkeyPatch
):
    """The real pytest, which has no manual page; and a stranger, which must not be run."""
    monkeypatch.setattr(help_texts, "_told", {})
    wrong = ("-q", "--maxfial=1")
    assert await Manuals().unknown(pytest_program, wrong) == []  # nobody has asked
    found = [("--maxfial", "--maxfail")]
    assert await Manuals().unknown(pytest_program, wrong, asks=True) == found
    assert await Manuals().unknown(pytest_program, wrong) == found  # it is remembered
    assert await Manuals().unknown(pytest_program, ("--maxfail=1", "--lf"), asks=True) == []
    stranger = machine / "bin" / "frob"
    stranger.write_text(f"#!/bin/sh\ntouch {machine}/was-run\necho --a --b --c\n")
    stranger.chmod(0o755)
    assert await Manuals().unknown(str(stranger), ("--zzz",), asks=True) == []
    assert not (machine / "was-run").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("pytest", ("-q", "--x"), ()),
        ("docker", ("compose", "up", "-d"), ("compose", "up")),
        ("docker", ("run", "--rm", "image"), ("run",)),
        ("docker", ("-H", "x", "run"), None),
        ("frob", ("--x",), None),
    ],
)
def test_whom_to_ask(name, arguments, words):
    assert help_texts.words_to_ask(name, arguments) == words
