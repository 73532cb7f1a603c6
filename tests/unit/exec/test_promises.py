"""Promises are remembered by the next daemon, in a file that does not grow with time."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.exec.promises import Promises


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "promises"


def remembered(path: Path) -> list[str]:
    """What the next daemon finds."""
    return sorted(Promises(str(path)).names())


def test_what_is_promised_is_remembered_until_it_ends(path):
    promises = Promises(str(path))
    assert not promises
    promises.add("run1.s.run.1")
    promises.add("run2.s.run.1")
    assert "run1.s.run.1" in promises
    assert remembered(path) == ["run1.s.run.1", "run2.s.run.1"]
    promises.end("run1.s.run.1")
    assert "run1.s.run.1" not in promises
    assert remembered(path) == ["run2.s.run.1"]
    promises.close()


def test_the_file_is_as_large_as_the_most_that_ever_waited(path):
    promises = Promises(str(path))
    for attempt in range(100, 300):
        promises.add(f"run1.s.run.{attempt}")
        promises.end(f"run1.s.run.{attempt}")
    assert path.stat().st_size == len("+run1.s.run.100\n")
    promises.close()
    after = Promises(str(path))
    after.add("run2.s.run.100")
    assert path.stat().st_size == len("+run1.s.run.100\n")
    assert remembered(path) == ["run2.s.run.100"]
    after.close()


@pytest.mark.parametrize("torn", [b"+run2", b"+", b"\0\0\0\0", b"+a/b.s.run.1\n", b"?r.s.run.1\n"])
def test_what_was_half_written_is_nobodys(path, torn):
    path.write_bytes(b"+run1.s.run.1\n" + torn)
    promises = Promises(str(path))
    assert promises.names() == ["run1.s.run.1"]
    promises.add("run3.s.run.1")
    promises.close()
    assert remembered(path) == ["run1.s.run.1", "run3.s.run.1"]


def test_a_full_disk_takes_no_promise_and_ends_those_it_has(path, monkeypatch):
    promises = Promises(str(path))
    promises.add("run1.s.run.1")
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda at, data, offset: write(at, data[:5], offset))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        promises.add("run2.s.run.1")
    assert "run2.s.run.1" not in promises
    assert remembered(path) == ["run1.s.run.1"]
    promises.end("run1.s.run.1")
    assert remembered(path) == []
    promises.close()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(1, 12))))
def test_any_order_of_things(tmp_path_factory, story):
    path = tmp_path_factory.mktemp("promises") / "promises"
    promises, expected = Promises(str(path)), set[str]()
    for adds, run, attempt in story:
        name = f"{run}.s.run.{attempt}"
        if adds and name not in expected:
            promises.add(name)
            expected.add(name)
        elif not adds and name in expected:
            promises.end(name)
            expected.discard(name)
        assert set(remembered(path)) == expected
    promises.close()
