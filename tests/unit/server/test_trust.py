"""Files of other people's repositories are told from the user's own, and git is not asked."""

import os
import subprocess
from pathlib import Path

import pytest

from flowd.errors import InvalidInput, NotFound, Untrusted
from flowd.projects import checkout_of, comes_from_elsewhere, is_checked_out
from flowd.server.trust import Trust
from support.memory_consents import MemoryConsents


def git(folder: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def origin(tmp_path):
    """A repository with a workflow file in it."""
    folder = tmp_path / "origin"
    (folder / ".flow").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / ".flow" / "theirs.flow.yaml").write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "x")
    return folder


@pytest.fixture
def clone(tmp_path, origin):
    """A clone of it, with a file of the user's own."""
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(folder))
    (folder / "mine.flow.yaml").write_text("x")
    return folder


async def refused(trust, path):
    try:
        await trust.refuse_untrusted(path)
    except Untrusted as error:
        return error.data["folder"]
    return None


async def test_what_git_checked_out_from_elsewhere_is_asked_about_and_nothing_else(origin, clone):
    trust = Trust()
    theirs = clone / ".flow" / "theirs.flow.yaml"
    assert await refused(trust, theirs) == str(clone)
    assert await refused(trust, clone / "mine.flow.yaml") is None
    assert await refused(trust, origin / ".flow" / "theirs.flow.yaml") is None
    git(clone, "add", "mine.flow.yaml")
    assert await refused(trust, clone / "mine.flow.yaml") == str(clone)


async def test_a_link_does_not_make_a_file_the_users_own(tmp_path, clone):
    link = tmp_path / "link.flow.yaml"
    link.symlink_to(clone / ".flow" / "theirs.flow.yaml")
    assert await refused(Trust(), link) == str(clone)


async def test_trust_is_for_all_below_is_remembered_and_can_be_taken_back(tmp_path, clone):
    memory = MemoryConsents()
    theirs = clone / ".flow" / "theirs.flow.yaml"
    trust = Trust(now_ms=lambda: 7)
    async with trust.remembered_by(memory):
        assert not trust.trusts(clone)
        assert await trust.add(clone / ".flow" / "..") == str(clone)
        assert await refused(trust, theirs) is None
        assert trust.trusts(clone / ".flow")
    later = Trust()
    async with later.remembered_by(memory):
        assert [folder.trusted_at for folder in later.folders] == [7]
        assert await refused(later, theirs) is None
        await later.remove(clone)
        assert await refused(later, theirs) == str(clone)
        with pytest.raises(NotFound):
            await later.remove(clone)
        await later.add(tmp_path)
        assert await refused(later, theirs) is None
        with pytest.raises(InvalidInput):
            await later.add(theirs)


async def test_a_worktree_is_as_its_repository(tmp_path, clone):
    git(clone, "worktree", "add", "-q", str(tmp_path / "tree"))
    theirs = tmp_path / "tree" / ".flow" / "theirs.flow.yaml"
    assert await refused(Trust(), theirs) == str(tmp_path / "tree")


@pytest.mark.parametrize("setting", ["index.version=4", "core.splitIndex=true"])
def test_in_doubt_a_file_is_somebody_elses(clone, setting):
    name, _, value = setting.partition("=")
    git(clone, "config", name, value)
    git(clone, "rm", "-q", "--cached", "-r", ".flow")
    git(clone, "add", ".flow")
    assert is_checked_out(clone, clone / ".flow" / "theirs.flow.yaml")


def test_nothing_that_a_repository_configures_is_run(tmp_path, clone):
    witness = tmp_path / "witness"
    git(clone, "config", "core.fsmonitor", f"touch {witness}")
    assert checkout_of(clone / ".flow") == clone
    assert comes_from_elsewhere(clone)
    assert is_checked_out(clone, clone / ".flow" / "theirs.flow.yaml")
    assert not witness.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_what_belongs_to_another_user_is_asked_about(tmp_path):
    theirs = tmp_path / "x.flow.yaml"
    theirs.write_text("x")
    assert await refused(Trust(), theirs) is None
    os.chown(theirs, 4321, 4321)
    assert await refused(Trust(), theirs) == str(tmp_path)
    (tmp_path / ".git").mkdir()
    assert Trust().trusts(tmp_path)
    os.chown(tmp_path / ".git", 4321, 4321)
    assert not Trust().trusts(tmp_path)


def test_a_folder_without_a_checkout_is_nobody_elses(tmp_path):
    assert checkout_of(tmp_path) is None
    assert Trust().trusts(tmp_path)
    assert Trust().trusts(tmp_path / "not there" / ("x" * 300))
