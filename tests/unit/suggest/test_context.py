"""What is known of a folder: gathered from real files and a real repository."""

import subprocess
from pathlib import Path

import pytest
import trio

from flowd.suggest.context import gather_context

IDENTITY = ["-c", "user.name=Dev", "-c", "user.email=dev@example.org"]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *IDENTITY, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--initial-branch=trunk")
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "x"\n')
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    for tag in ("v1.2.0", "v1.10.0", "v1.9.0"):
        git(tmp_path, "tag", tag)
    git(tmp_path, "remote", "add", "origin", "https://example.org/x.git")
    return tmp_path


async def test_a_repository_is_described(repository: Path):
    context = await gather_context(str(repository), timeout=5)
    assert context.git is not None
    assert context.git.branch == "trunk"
    assert context.git.remotes == ["origin"]
    assert context.git.tags == ["v1.10.0", "v1.9.0", "v1.2.0"]
    assert context.git.dirty is False
    assert context.kinds == ["rust"]
    assert "Cargo.toml" in context.files
    assert "git" in context.programs


async def test_changes_make_it_dirty(repository: Path):
    (repository / "Cargo.toml").write_text("changed")
    context = await gather_context(str(repository), timeout=5)
    assert context.git is not None
    assert context.git.dirty is True


async def test_packed_tags_and_a_detached_head_are_read(repository: Path):
    git(repository, "pack-refs", "--all")
    git(repository, "checkout", "--detach")
    context = await gather_context(str(repository), timeout=5)
    assert context.git is not None
    assert context.git.branch == ""
    assert "v1.10.0" in context.git.tags


async def test_a_linked_working_tree_is_found(repository: Path):
    linked = repository.with_name(f"{repository.name}-linked")
    git(repository, "worktree", "add", "-b", "other", str(linked))
    context = await gather_context(str(linked), timeout=5)
    assert context.git is not None
    assert (context.git.root, context.git.branch) == (str(linked), "other")
    assert context.git.remotes == ["origin"]


async def test_a_folder_inside_knows_its_project(repository: Path):
    inner = repository / "src"
    inner.mkdir()
    context = await gather_context(str(inner), timeout=5)
    assert context.kinds == ["rust"]
    assert {task.cwd for task in context.tasks} == {str(repository)}


async def test_outside_a_repository_only_the_folder_itself_counts(tmp_path: Path):
    (tmp_path / "Makefile").write_text("test:\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    context = await gather_context(str(inner), timeout=5)
    assert context.git is None
    assert context.tasks == []


async def test_a_folder_that_is_not_there_is_an_empty_context():
    context = await gather_context("/no/such/folder", timeout=5)
    assert (context.files, context.tasks, context.git) == ([], [], None)


async def test_a_slow_git_is_not_waited_for(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    programs = tmp_path / "slow-programs"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nsleep 30\n")
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    start = trio.current_time()
    context = await gather_context(str(repository), timeout=0.3)
    assert trio.current_time() - start < 10
    assert context.git is not None
    assert context.git.dirty is None
