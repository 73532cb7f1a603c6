"""A daemon that cannot start says why and what to do, in words and not in a traceback."""

import os
import subprocess

import pytest

from support.real_daemon import BIN, RealDaemon, real_daemon


def failing_start(home, **environment):
    """Start flowd where it must fail; give its exit status and what it wrote."""
    daemon = RealDaemon(home)
    ended = subprocess.run(
        [str(BIN / "flowd")],
        env={**daemon.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode in (1, 2), ended
    assert "Traceback" not in ended.stderr
    assert "to mend it: " in ended.stderr
    return ended


def damage(home):
    """Overwrite all of a database but its first page, as a dying disk does."""
    with real_daemon(home):
        pass
    with (home / "flow.db").open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(os.urandom(size - 4096))


@pytest.mark.parametrize(
    ("hinder", "words"),
    [
        (lambda home: (home / "flowd.sock").write_text("x"), "flowd.sock is in the way"),
        (lambda home: (home / "flowd.sock").mkdir(), "flowd.sock is in the way"),
        (lambda home: (home / "flowd.sock").symlink_to("/nowhere"), "flowd.sock is in the way"),
        (lambda home: (home / "flowd.lock").mkdir(), "flowd.lock cannot be written"),
        (lambda home: (home / "config.toml").mkdir(), "config.toml cannot be read"),
        (lambda home: (home / "config.toml").write_bytes(b"\xff\xfe"), "config.toml"),
        (lambda home: (home / "flow.db").mkdir(), "flow.db"),
        (lambda home: (home / "flow.db").write_bytes(b"garbage! " * 1000), "not a database"),
        (damage, "flow.db"),
    ],
)
def test_what_is_in_the_way_is_named(tmp_path, hinder, words):
    hinder(tmp_path)
    assert words in failing_start(tmp_path).stderr


def test_a_home_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    ended = failing_start(tmp_path, FLOW_HOME=str(tmp_path / "file" / "home"))
    assert "cannot hold Flow's state" in ended.stderr


def test_the_home_of_somebody_else_is_left_as_it_was(tmp_path):
    """As under `sudo` with the HOME of who called it: root's files would lock that user out."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder of another user")
    home = tmp_path / "theirs"
    home.mkdir()
    os.chown(home, 65534, 65534)
    assert "belongs to user 65534" in failing_start(home).stderr
    assert list(home.iterdir()) == []
