"""How much a command would take away, counted on real files and real repositories."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from flowd.domain.foresight import Loss
from flowd.exec import extents
from flowd.exec.extents import extent_of
from flowd.safety.judge import make_judge


def files(*names: str) -> Loss:
    return Loss("files", names)


async def test_files_are_counted_with_all_below_them_and_links_are_not_followed(tmp_path: Path):
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "a").write_bytes(b"x" * 1500)
    (tmp_path / "src" / "deep" / "b").write_bytes(b"x" * 600)
    (tmp_path / "outside").write_bytes(b"x" * 9000)
    (tmp_path / "src" / "link").symlink_to(tmp_path / "outside")
    link = len(str(tmp_path / "outside"))
    assert await extent_of(files("src"), str(tmp_path)) == f"3 files, {(2100 + link) / 1000:.1f} kB"
    assert await extent_of(files("src/a"), str(tmp_path)) == "1 file, 1.5 kB"
    assert await extent_of(files("s*/[ab]", "outside"), str(tmp_path)) == "2 files, 10 kB"
    assert await extent_of(files("gone"), str(tmp_path)) == "nothing is there"


async def test_counting_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(5):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(extents, "MOST_FILES", 4)
    assert await extent_of(files("."), str(tmp_path)) == "more than 4 files, 0 bytes"


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    for name in ("a", "b"):
        (tmp_path / name).write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "1")
    return tmp_path


async def test_git_counts_work_that_would_be_lost(repository: Path):
    where = str(repository)
    git(repository, "checkout", "-b", "side")
    git(repository, "commit", "--allow-empty", "-m", "2")
    git(repository, "commit", "--allow-empty", "-m", "3")
    git(repository, "checkout", "main")
    lost = await extent_of(Loss("commits", ("side",)), where)
    assert lost == "2 commits that are on no other branch"
    (repository / "a").write_text("2")
    assert await extent_of(Loss("changes"), where) == "1 changed file"
    assert await extent_of(Loss("changes", ("b",)), where) == "0 changed files"
    (repository / "new").write_text("n")
    assert await extent_of(Loss("untracked"), where) == "1 untracked file or folder"
    git(repository, "stash")
    assert await extent_of(Loss("stashes"), where) == "1 stash"


async def test_what_git_cannot_say_is_not_said(tmp_path: Path, repository: Path):
    assert await extent_of(Loss("commits", ("no-such",)), str(repository)) == ""
    assert await extent_of(Loss("changes"), str(tmp_path / "nowhere")) == ""


async def test_no_program_of_the_repository_is_run(repository: Path):
    """A monitor and a filter named in its settings would run with every look at its files."""
    witness = repository.parent / f"{repository.name}.witness"
    monitor = repository / ".git" / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {witness}\n")
    monitor.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(monitor))
    git(repository, "config", "filter.f.clean", f"touch {witness}; cat")
    (repository / ".gitattributes").write_text("* filter=f\n")
    (repository / "a").write_text("2")
    for loss in (Loss("changes"), Loss("untracked"), Loss("stashes")):
        await extent_of(loss, str(repository))
    assert not witness.exists()


# ------------------------------------------------------------------------------------------ rows


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "stock.db")) as connection, connection:
        connection.execute("CREATE TABLE parts (name)")
        connection.executemany("INSERT INTO parts VALUES (?)", [("bolt",)] * 1234)
    return tmp_path


async def test_rows_are_counted_and_nothing_is_left_beside(database):
    assert await extent_of(Loss("rows", ("stock.db", "parts")), str(database)) == "1,234 rows"
    assert [path.name for path in database.iterdir()] == ["stock.db"]
    for names in (("stock.db", "absent"), ("no.db", "parts"), ("stock.db", 'p" UNION SELECT 1')):
        assert await extent_of(Loss("rows", names), str(database)) == ""
    (database / "text.db").write_text("no database")
    assert await extent_of(Loss("rows", ("text.db", "parts")), str(database)) == ""


async def test_rows_that_are_only_in_the_log_are_not_missed(database):
    (database / "stock.db-wal").touch()
    assert await extent_of(Loss("rows", ("stock.db", "parts")), str(database)) == ""


async def test_rows_of_what_is_too_large_are_not_counted(database, monkeypatch):
    monkeypatch.setattr(extents, "MOST_DATABASE_BYTES", 1000)
    assert await extent_of(Loss("rows", ("stock.db", "parts")), str(database)) == ""


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("sqlite3 a.db 'DELETE FROM t'", ("a.db", "t")),
        ("sqlite3 -batch a.db 'DROP TABLE IF EXISTS \"t\"'", ("a.db", "t")),
        ("sqlite3 a.db <<< 'update t set x=1;'", ("a.db", "t")),
        ("sqlite3 \"$f\" 'DELETE FROM t'", None),
        ("psql -c 'DELETE FROM t'", None),
        ("sqlite3 a.db 'DELETE FROM other.t'", None),
    ],
)
def test_the_judge_says_which_rows(script, names):
    (finding,) = make_judge().judge(script).findings
    assert (finding.loss.names if finding.loss else None) == names
