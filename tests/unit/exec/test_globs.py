"""Patterns find what they say in a folder, and nothing outside of it."""

import os
import time
from pathlib import Path

import pytest

from flowd.exec import globs
from flowd.exec.globs import Finder, TooMuch, open_beneath

FILES = [
    "a.txt",
    "b.log",
    ".hidden",
    "dist/one.whl",
    "dist/two.tar.gz",
    "dist/.keep",
    "dist/sub/three.whl",
    "reports/x/junit.xml",
    "reports/y/z/junit.xml",
    "reports/.git/junit.xml",
    "odd [1].txt",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    for name in FILES:
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    (inside / "link").symlink_to("../secret")
    (inside / "out").symlink_to("..")
    (inside / "dist/link.whl").symlink_to("one.whl")
    os.mkfifo(inside / "pipe.txt")
    return inside


def found(folder: Path, *patterns: str) -> list[str]:
    root = os.open(folder, os.O_RDONLY)
    try:
        return Finder(root).find(patterns)
    finally:
        os.close(root)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("*.txt", ["a.txt", "odd [1].txt"]),
        ("a.txt", ["a.txt"]),
        ("./a.txt", ["a.txt"]),
        ("[ab].*", ["a.txt", "b.log"]),
        ("?.log", ["b.log"]),
        (".hid*", [".hidden"]),
        ("dist/*.whl", ["dist/one.whl"]),
        ("dist", ["dist/.keep", "dist/one.whl", "dist/sub/three.whl", "dist/two.tar.gz"]),
        ("dist/", ["dist/.keep", "dist/one.whl", "dist/sub/three.whl", "dist/two.tar.gz"]),
        ("*/sub", ["dist/sub/three.whl"]),
        ("**/*.whl", ["dist/one.whl", "dist/sub/three.whl"]),
        ("**/junit.xml", ["reports/x/junit.xml", "reports/y/z/junit.xml"]),
        ("reports/**/junit.xml", ["reports/x/junit.xml", "reports/y/z/junit.xml"]),
        ("reports/**", ["reports/x/junit.xml", "reports/y/z/junit.xml"]),
        ("reports/*/junit.xml", ["reports/x/junit.xml"]),
        ("nothing/*", []),
        ("link", []),
        ("out/secret", []),
        ("out/*", []),
        ("**/secret", []),
        ("../secret", []),
    ],
)
def test_what_a_pattern_finds(folder: Path, pattern: str, paths: list[str]) -> None:
    assert found(folder, pattern) == paths


def test_each_file_once_and_in_order(folder: Path) -> None:
    assert found(folder, "dist/*.whl", "a.txt", "**/*.whl") == [
        "a.txt",
        "dist/one.whl",
        "dist/sub/three.whl",
    ]


def test_links_are_counted_where_they_match(folder: Path) -> None:
    root = os.open(folder, os.O_RDONLY)
    finder = Finder(root)
    finder.find(["dist/*.whl", "li*"])
    os.close(root)
    assert finder.links == {"dist/link.whl", "link"}


def test_going_through_many_folders_takes_time_in_proportion(tmp_path: Path) -> None:
    deep = tmp_path
    for n in range(40):
        deep = deep / f"d{n}"
    deep.mkdir(parents=True)
    (deep / "x").touch()
    began = time.process_time()
    assert len(found(tmp_path, "**/x", "**", "d0")) == 1
    assert time.process_time() - began < 1


def test_there_is_an_end_to_looking(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "deep"
    for _ in range(globs.DEEPEST + 2):
        deep = deep / "d"
    deep.mkdir(parents=True)
    with pytest.raises(TooMuch, match="deep in one another"):
        found(tmp_path / "deep", "d")
    monkeypatch.setattr(globs, "MOST_ENTRIES", 5)
    with pytest.raises(TooMuch, match="names to look at"):
        found(folder, "**")


@pytest.mark.parametrize("path", ["link", "out/secret", "dist/link.whl", "nothing", "dist/nothing"])
def test_a_file_is_opened_through_no_link(folder: Path, path: str) -> None:
    root = os.open(folder, os.O_RDONLY)
    try:
        with pytest.raises(OSError):  # any
            open_beneath(root, path)
        os.close(open_beneath(root, "dist/sub/three.whl"))
    finally:
        os.close(root)
