"""What globs of policies come to as folders and files that the kernel can be told of."""

import os
from pathlib import Path

import pytest

from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.errors import Unsupported
from flowd.exec import places
from flowd.exec.places import must_be_looked_for, readable_places, writable_places


@pytest.fixture
def top(tmp_path: Path) -> str:
    for folder in ("a/b", "a/c", "d/b", ".hidden/b"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("one.log", "two.log", ".three.log", "a/four.log", "a/b/five.log", "text"):
        (tmp_path / file).touch()
    return os.path.realpath(tmp_path)


def writable(top: str, *globs: str) -> list[str]:
    found = writable_places(["/"], Drawn(writable=(tuple(f"{top}/{glob}" for glob in globs),)))
    return [path.removeprefix(f"{top}/") for path in found]


def test_without_a_boundary_everything_may_be_written_and_read() -> None:
    assert writable_places(["/"], NOTHING_DRAWN) == ["/"]
    assert readable_places(NOTHING_DRAWN) == ["/"]
    assert writable_places(["/"], Drawn(writable=(("/**",),))) == ["/"]


@pytest.mark.parametrize(
    ("globs", "found"),
    [
        (["a/**"], ["a"]),
        (["a/*"], ["a"]),
        (["a/**/*"], ["a"]),
        (["text/**"], ["text"]),
        (["a/**", "a/b/**", "a/*.log"], ["a"]),
        (["*.log"], [".three.log", "one.log", "two.log"]),
        (["**/*.log"], [".three.log", "a/b/five.log", "a/four.log", "one.log", "two.log"]),
        (["*/b/**"], [".hidden/b", "a/b", "d/b"]),
        (["[ad]/b/*"], ["a/b", "d/b"]),
        (["a*"], []),  # a name of a folder's does not mean what is in it
        (["no/**", "no*.log", "no/*.log"], []),
        ([], []),
    ],
)
def test_globs_mean_folders_and_files_that_are_there(
    top: str, globs: list[str], found: list[str]
) -> None:
    assert writable(top, *globs) == found


def test_what_is_drawn_by_several_files_holds_together(top: str) -> None:
    both = Drawn(writable=((f"{top}/a/**", f"{top}/text/**"), (f"{top}/a/b/**", f"{top}/d/**")))
    assert writable_places(["/"], both) == [f"{top}/a/b"]
    assert writable_places([f"{top}/a/b", f"{top}/d"], both) == [f"{top}/a/b"]
    assert writable_places([f"{top}/d"], both) == []


def test_what_programs_need_may_be_read(top: str) -> None:
    found = readable_places(Drawn(readable=((f"{top}/a/**",),)))
    assert {f"{top}/a", "/usr", "/etc", "/proc"} <= set(found)
    assert not {"/", "/home", "/root", "/var", "/tmp"} & set(found)


def test_a_link_counts_by_where_it_leads_but_not_when_a_step_could_have_made_it(top: str) -> None:
    Path(top, "link").symlink_to(f"{top}/d")
    Path(top, "a", "link").symlink_to(f"{top}/d")
    Path(top, "a", "way").symlink_to(f"{top}")
    Path(top, "through").symlink_to(f"{top}/a/link")
    assert writable(top, "link/**") == ["d"]
    assert writable(top, "a/**", "a/link/**", "a/way/d/**", "through/**", "a/way/*/b/**") == ["a"]
    assert writable(top, "*/link/**", "**/link/b/**") == []
    assert writable(top, "link*") == []
    Path(top, "round").symlink_to(f"{top}/round")
    assert writable(top, "round/**", "round/*.log") == []


def test_too_many_are_refused(top: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_PLACES", 2)
    with pytest.raises(Unsupported, match=r"\*\*/\*\.log") as caught:
        writable(top, "**/*.log")
    assert "folder" in caught.value.cure
    monkeypatch.setattr(places, "MOST_PLACES", 100)
    monkeypatch.setattr(places, "MOST_LOOKED_AT", 5)
    with pytest.raises(Unsupported):
        writable(top, "**/*.log")
    assert writable(top, "a/**") == ["a"]


def test_so_deep_that_no_one_means_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 300)).mkdir(parents=True)
    with pytest.raises(Unsupported):
        writable(os.path.realpath(tmp_path), "**/*.log")


def test_only_patterns_take_a_look() -> None:
    assert not must_be_looked_for(Drawn(writable=(("/a/**", "/b/*"),), readable=(("/c",),)))
    assert must_be_looked_for(Drawn(writable=(("/a/*.log",),)))
    assert must_be_looked_for(Drawn(readable=(("/*/a/**",),)))
