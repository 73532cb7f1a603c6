"""Any one change of the disk fails under the real daemon: it stays up, says so, and goes on.

All of its files are on that disk: the database, the steps' folders, the records of holders.
"""

import errno
from collections import Counter

import pytest

from support.lossy_machine import LossyDisk, why_no_lossy_machine
from support.raw_client import PLAIN, Refused, over_socket
from support.real_daemon import real_daemon

TIMES = 3  # changes that fail one after the other


@pytest.fixture
def disk(tmp_path):
    """A disk that obeys; gone with the test."""
    if (reason := why_no_lossy_machine()) is not None:
        pytest.skip(reason)
    disk = LossyDisk(tmp_path, 0)
    disk.mount()
    yield disk
    disk.cut_power()


@pytest.mark.parametrize("name", ["ENOSPC", "EROFS", "EIO"])
def test_any_change_of_the_disk_may_fail_under_the_daemon(tmp_path, disk, name):
    witness = tmp_path / "witness"
    error = getattr(errno, name)
    (disk.root / "config.toml").write_text("[engine]\nsaved_bytes_per_step = 0\n")
    states: dict[int, str] = {}
    refusals = 0
    with real_daemon(disk.root) as daemon, over_socket(daemon.socket, **PLAIN) as client:
        client.folder = str(tmp_path)

        def submit(number: int) -> str:
            line = f'echo "{number}.$FLOW_STEP" >> {witness}; echo words; echo k=1 >> $FLOW_OUTPUT'
            return client.start({"id": "a", "run": line}, {"id": "b", "run": line})

        disk.order(f"fail 0 0 {error}")
        states[0] = client.finished(submit(0))["state"]
        changes = int(disk.order("tell").split()[0])
        for fail_at in range(1, changes + 1):
            disk.order(f"fail {fail_at} {TIMES} {error}")
            try:
                run = submit(fail_at)
            except Refused as refused:
                refusals += 1
                assert refused.cure, refused
                disk.order("fail 0 0 0")
                run = submit(-fail_at)
            states[fail_at] = client.finished(run)["state"]
            print(fail_at, states[fail_at], disk.order("tell"))
            disk.order("fail 0 0 0")
        states[changes + 1] = client.finished(submit(changes + 1))["state"]
        assert client.call("flow/db/check")["damage"] == []
        assert daemon.process is not None
        assert daemon.process.poll() is None
    count = Counter(witness.read_text().split())
    assert max(count.values()) == 1, "a step ran twice"
    for number, state in states.items():
        if state == "succeeded":
            assert all(count[f"{number}.{step}"] or count[f"-{number}.{step}"] for step in "ab")
    assert states[changes + 1] == "succeeded"
    assert refusals, "no submission was refused"
    assert Counter(states.values())["succeeded"] > changes / 2
