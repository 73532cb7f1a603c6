"""What the daemon says to systemd, heard on a real datagram socket."""

import logging
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
import trio
from trio.testing import MockClock

from flowd import notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The receiving end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield receiver


def heard(receiver: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(receiver.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_a_state_is_one_datagram(systemd: socket.socket) -> None:
    notify.notify("READY=1\nSTATUS=3 runs")
    assert heard(systemd) == ["READY=1\nSTATUS=3 runs"]


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"flow-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify.notify("STOPPING=1")
        assert heard(receiver) == ["STOPPING=1"]


def test_without_systemd_nothing_is_sent_or_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.notify("READY=1")
    assert caplog.records == []


def test_a_dead_systemd_is_logged_and_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with caplog.at_level(logging.WARNING):
        notify.notify("READY=1")
    assert "READY=1" in caplog.text


def test_reloading_carries_the_monotonic_time(systemd: socket.socket) -> None:
    notify.notify_reloading()
    [message] = heard(systemd)
    state, stamp = message.split("\n")
    assert state == "RELOADING=1"
    assert stamp.startswith("MONOTONIC_USEC=")
    assert int(stamp.partition("=")[2]) > 0


async def test_the_watchdog_is_fed_twice_a_period(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with trio.move_on_after(26):
        await notify.keep_watchdog_fed()
    assert heard(systemd) == ["WATCHDOG=1"] * 6  # at 0, 5, 10, 15, 20 and 25 seconds


@pytest.mark.parametrize(
    ("period", "pid"), [(None, None), ("0", None), ("soon", None), ("10000000", "1")]
)
async def test_no_watchdog_means_no_signs_of_life(
    systemd: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    period: str | None,
    pid: str | None,
) -> None:
    for name, value in (("WATCHDOG_USEC", period), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with trio.fail_after(60):
        await notify.keep_watchdog_fed()
    assert heard(systemd) == []


def test_steps_do_not_inherit_what_systemd_told_the_daemon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "INVOCATION_ID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("EDITOR", "ed")
    given = notify.environment_for_steps()
    assert given["EDITOR"] == "ed"
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "INVOCATION_ID"} & set(given)


# Descriptors 3 and up belong to pytest here, so the taking over is watched in a process of its own.
TAKE_OVER = """
import os
from flowd.errors import FlowError
from flowd.notify import listen_fds
try:
    taken = listen_fds()
except FlowError as error:
    print(type(error).__name__, error.message)
else:
    for handed in taken:
        print(handed.fileno(), handed.getsockname(), os.get_inheritable(handed.fileno()))
print("left:", sorted(name for name in os.environ if name.startswith("LISTEN_")))
"""


def take_over(handed: socket.socket | IO[str], *, count: str = "1", pid: str = "$$") -> list[str]:
    """Start a process as systemd would: `handed` as descriptor 3, its own pid in LISTEN_PID."""
    line = f'LISTEN_FDNAMES=x LISTEN_FDS={count} LISTEN_PID={pid} exec "$0" -c "$1" 3<&0'
    ended = subprocess.run(
        ["sh", "-c", line, sys.executable, TAKE_OVER],
        stdin=handed,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return ended.stdout.splitlines()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
        first.bind(str(tmp_path / "flowd.sock"))
        first.listen()
        yield first


def test_sockets_of_systemd_are_taken_over(listening: socket.socket) -> None:
    told = take_over(listening)
    assert told == [f"3 {listening.getsockname()} False", "left: []"]


def test_sockets_meant_for_another_process_are_left_alone(listening: socket.socket) -> None:
    assert take_over(listening, pid="1") == ["left: []"]


def test_a_count_that_is_no_number_is_an_error(listening: socket.socket) -> None:
    told = take_over(listening, count="many")
    assert told == ["InvalidInput LISTEN_FDS is 'many', not a number", "left: []"]


def test_a_descriptor_that_is_no_listening_unix_socket_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert "is no socket" in take_over(file)[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        assert "is not a listening Unix socket" in take_over(deaf)[0]
