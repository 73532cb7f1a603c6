"""The record of an attempt: who may write it, and what it says at each stage."""

import os

import pytest

from flowd.domain.ports import Usage
from flowd.exec.holder import claim
from flowd.exec.liveness import Process
from flowd.exec.records import (
    Claimed,
    Ended,
    Refused,
    Running,
    parse_record,
    read_record,
    refuse,
    refuse_as_terminated,
)

HOLDER = Process(70, 1000)


@pytest.mark.parametrize(
    ("content", "record"),
    [
        (b"", None),
        (b"\n", None),
        (b"\nclaim 70 1000\n", Claimed(HOLDER)),
        (b"\nclaim 70 1000\npid 71 2000\n", Running(Process(71, 2000), HOLDER)),
        (b"\nclaim 70 1000\npid 71 2000\nend 3 40 500\n", Ended(3, 40, 500)),
        (b"\nclaim 70 1000\nend 3 40 500\n", Ended(3, 40, 500)),
        (b"\nclaim 70 1000\nend 3 40 500 31 9\n", Ended(3, 40, 500, Usage(31, 9216))),
        (b"\nclaim 70 1000\nend 3 40 500 31 0\n", Ended(3, 40, 500, Usage(31, None))),
        (b"\nclaim 70 1000\nend 3 40 500 31 9 8 7\n", Ended(3, 40, 500, Usage(31, 9216))),
        (b"\nclaim 70 1000\nrefused\n", Refused()),
        (b"\nrefused\n", Refused()),
        (b"\nrefused\nend 143 0 0\n", Ended(143, 0, 0)),
    ],
)
def test_the_stages(content, record):
    assert parse_record(content) == record


@pytest.mark.parametrize(
    ("content", "record"),
    [
        (b"\nclaim 70 1000\npid 71 2000\nend 3 4", Running(Process(71, 2000), HOLDER)),
        (b"\nclaim 70 1000\npid 71 20", Claimed(HOLDER)),
        (b"\ncla", None),
        (b"\0" * 40, None),
        (b"\nclaim 70 1000\npid 71 2000\n" + b"\0" * 9, Running(Process(71, 2000), HOLDER)),
        (b"\nclaim 70 1000\n" + b"\0" * 9 + b"end 0 1 2\n", Ended(0, 1, 2)),
        (b"\nend x y z\n", None),
    ],
)
def test_what_a_power_cut_broke_counts_for_nothing(content, record):
    assert parse_record(content) == record


def test_lines_of_a_later_release_are_passed_over():
    content = b"\nclaim 70 1000 cgroup\nclaim 70 1000 9\nweather fine\nend 3 40 500 77\n"
    assert parse_record(content) == Ended(3, 40, 500)


@pytest.mark.parametrize(
    ("act", "record"), [(refuse, Refused()), (refuse_as_terminated, Ended(143, 0, 0))]
)
def test_the_first_claim_counts(tmp_path, act, record):
    (tmp_path / "record").write_text("\n")
    act(str(tmp_path))
    refuse(str(tmp_path))
    assert not claim(str(tmp_path), "claim 1 2\n")
    assert read_record(str(tmp_path)) == record


def test_a_claim_that_is_about_to_be_made_counts(tmp_path):
    record = tmp_path / "record"
    record.write_text("\n")
    reading, writing = os.pipe()
    other = os.posix_spawn(  # a lock is between processes: another one has to hold it
        "/usr/bin/env",
        ["env", "python3", "-c", LOCK, str(record)],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)],
    )
    os.close(writing)
    try:
        assert os.read(reading, 6) == b"locked"
        refuse(str(tmp_path))
        assert read_record(str(tmp_path)) is None
    finally:
        os.close(reading)
        os.kill(other, 9)
        os.waitpid(other, 0)
    refuse(str(tmp_path))
    assert read_record(str(tmp_path)) == Refused()


LOCK = """
import fcntl, sys, time
record = open(sys.argv[1], "a")
fcntl.lockf(record, fcntl.LOCK_EX)
print("locked", end="", flush=True)
time.sleep(60)
"""


def test_there_is_nothing_to_claim_without_an_attempt(tmp_path):
    assert read_record(str(tmp_path)) is None
    with pytest.raises(FileNotFoundError):
        refuse(str(tmp_path))
