"""Room is given back to the disk, and never that of somebody else's file."""

import os

import pytest

from flowd.exec.holes import punch_hole

SIZE = 4_194_304


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stdout"
    path.write_bytes(b"x" * SIZE)
    return path


def blocks(path):
    os.sync()  # a file system may give blocks only when it writes
    return path.stat().st_blocks * 512


def test_a_hole_takes_no_room_and_moves_nothing(file):
    punch_hole(str(file), 1_048_576, 3_145_728)
    content = file.read_bytes()
    assert len(content) == SIZE
    assert content[:1_048_576] == content[3_145_728:] == b"x" * 1_048_576
    assert content[1_048_576:3_145_728] == bytes(2_097_152)
    assert blocks(file) <= SIZE - 2_000_000


def test_what_is_appended_meanwhile_stays(file):
    with file.open("ab") as writer:
        punch_hole(str(file), 0, SIZE)
        writer.write(b"more")
    assert file.read_bytes() == bytes(SIZE) + b"more"


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_file_of_the_user_that_a_script_put_there_is_left_alone(file, tmp_path, link):
    link(file, tmp_path / "there")
    punch_hole(str(tmp_path / "there"), 0, SIZE)
    assert file.read_bytes() == b"x" * SIZE


def test_what_is_no_file_does_not_matter(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nothing"):
        punch_hole(str(tmp_path / name), 0, SIZE)
