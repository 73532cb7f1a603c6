"""Files that steps made are kept: what, how much of it, and as what."""

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from flowd.domain.commands import Kept
from flowd.domain.files import Room
from flowd.domain.ports import AttemptKey
from flowd.exec.artifacts import KeptFiles

ROOM = Room(files=100, bytes=1_000_000)


def key(attempt: int = 1, step: str = "build.3", run: str = "run1") -> AttemptKey:
    return AttemptKey(run, step, "run", attempt)


@pytest.fixture
def store(tmp_path: Path) -> KeptFiles:
    (tmp_path / "w/dist").mkdir(parents=True)
    (tmp_path / "w/dist/a").write_bytes(b"aaaa")
    (tmp_path / "w/dist/b").write_bytes(b"bbbbbbbb")
    (tmp_path / "w/dist/b").chmod(0o755)
    return KeptFiles(tmp_path / "state/artifacts")


async def keep(store: KeptFiles, tmp_path: Path, *patterns: str, **more: Any) -> Kept:
    attempt = more.pop("attempt", 1)
    room = Room(**{"files": ROOM.files, "bytes": ROOM.bytes, **more})
    return await store.keep(key(attempt), str(tmp_path / "w"), patterns or ("dist",), room)


async def test_content_size_digest_and_mode(store: KeptFiles, tmp_path: Path) -> None:
    kept = await keep(store, tmp_path)
    assert [(f.path, f.size, f.mode) for f in kept.files] == [
        ("dist/a", 4, 0o644),
        ("dist/b", 8, 0o755),
    ]
    assert kept.files[1].sha256 == hashlib.sha256(b"bbbbbbbb").hexdigest()
    assert (kept.left_out, kept.reason) == (0, "")
    (tmp_path / "w/dist/b").write_text("changed in place")
    assert Path(store.place_of(key(), 1)).read_bytes() == b"bbbbbbbb"


async def test_only_the_user_may_look(store: KeptFiles, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await keep(store, tmp_path)
    finally:
        os.umask(before)
    for path in (tmp_path / "state/artifacts").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "state/artifacts").stat().st_mode & 0o777 == 0o700


async def test_what_does_not_fit_is_left_out_and_the_rest_kept(
    store: KeptFiles, tmp_path: Path
) -> None:
    (tmp_path / "w/dist/c").write_bytes(b"c")
    kept = await keep(store, tmp_path, bytes=6)
    assert [file.path for file in kept.files] == ["dist/a", "dist/c"]
    assert (kept.left_out, kept.reason) == (1, "dist/b does not fit: 8 bytes, of 2 left")
    kept = await keep(store, tmp_path, files=1)
    assert [file.path for file in kept.files] == ["dist/a"]
    assert (kept.left_out, kept.reason) == (2, "there are more than 1 files")


@pytest.mark.parametrize(
    ("patterns", "left_out", "reason"),
    [
        (["none/*.x"], 0, "no file matches none/*.x"),
        (["dist/l"], 1, "symbolic links are not kept"),
        (["dist/a", "dist/l"], 1, "symbolic links are not kept"),
    ],
)
async def test_why_there_is_nothing(
    store: KeptFiles, tmp_path: Path, patterns: list[str], left_out: int, reason: str
) -> None:
    (tmp_path / "w/dist/l").symlink_to("a")
    kept = await keep(store, tmp_path, *patterns)
    assert (kept.left_out, kept.reason) == (left_out, reason)


async def test_a_name_that_is_no_text_is_left_out(store: KeptFiles, tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path / "w/dist") + b"/z\xff")).touch()
    kept = await keep(store, tmp_path)
    assert len(kept.files) == 2
    assert (kept.left_out, kept.reason) == (1, "a name is not valid UTF-8")


async def test_a_folder_that_is_gone(store: KeptFiles, tmp_path: Path) -> None:
    kept = await store.keep(key(), str(tmp_path / "gone"), ["*"], ROOM)
    assert not kept.files
    assert "No such file" in kept.reason


async def test_a_file_that_grows_for_ever_has_an_end(store: KeptFiles, tmp_path: Path) -> None:
    growing, stop = tmp_path / "w/dist/grows", threading.Event()

    def grow() -> None:
        with growing.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(bytes(1 << 18))

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        kept = await keep(store, tmp_path, bytes=8_000_000)
    finally:
        stop.set()
        thread.join()
    assert {file.path for file in kept.files} >= {"dist/a", "dist/b"}
    assert sum(file.size for file in kept.files) <= 8_000_000


async def test_a_later_attempt_replaces_an_earlier_one(store: KeptFiles, tmp_path: Path) -> None:
    await keep(store, tmp_path)
    await keep(store, tmp_path, "dist/a", attempt=2)
    await store.forget_earlier(key(2))
    assert not Path(store.place_of(key(1), 0)).exists()
    assert Path(store.place_of(key(2), 0)).read_bytes() == b"aaaa"
    assert await store.measure() == Room(files=1, bytes=4)


async def test_what_a_daemon_left_that_was_killed_is_replaced(
    store: KeptFiles, tmp_path: Path
) -> None:
    for half in ("build.3.1", "build.3.1.part"):
        (tmp_path / "state/artifacts/run1" / half).mkdir(parents=True)
        (tmp_path / "state/artifacts/run1" / half / "0").write_text("half")
    await keep(store, tmp_path)
    assert Path(store.place_of(key(), 0)).read_bytes() == b"aaaa"
    assert await store.measure() == Room(files=2, bytes=12)


async def test_runs_are_dropped_whole(store: KeptFiles, tmp_path: Path) -> None:
    assert await store.runs() == []
    await keep(store, tmp_path)
    await store.keep(key(run="run2"), str(tmp_path / "w"), ["dist"], ROOM)
    assert await store.runs() == ["run1", "run2"]
    await store.drop(["run1"])
    assert await store.runs() == ["run2"]
