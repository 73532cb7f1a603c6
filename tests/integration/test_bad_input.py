"""What nobody should ask for: a clear error that names the cure, or a bound that is kept.

Scripts of a megabyte that run, and folders that are not there, are in `test_attack_protocol.py`.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from flowproto import methods, runs
from support.real_daemon import RealDaemon, real_daemon

MB = 1_000_000
HEAD = "flow: 1\nname: x\nsteps:\n"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RealDaemon]:
    (home := tmp_path / "home").mkdir()
    with real_daemon(home) as daemon:
        yield daemon


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "  - {id: a, run: x}\n" * 501, ["at most 500", "split"]),
        (
            HEAD + "  - {id: a, run: x, needs: [b]}\n  - {id: b, run: x, needs: [a]}\n",
            ["a → b → a", "remove"],
        ),
        (HEAD + "  - {id: a, run: x, shell: tcsh}\n", ["'tcsh' is not a", "did you mean 'sh'"]),
        (HEAD + f"  - {{id: a, run: {'x' * 2 * MB}}}\n", ["1,048,576 bytes", "file of its own"]),
        (HEAD + "  - {id: a, run: x, limits: {memory: much}}\n", ["not a size", "512M"]),
        (b"flow: 1\nname: \xff\xfe\nsteps:\n  - {id: a, run: x}\n", ["UTF-8"]),
    ],
    ids=["501 steps", "a cycle", "unknown shell", "a script of 2 MB", "no size", "invalid UTF-8"],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused_with_the_cure(daemon, tmp_path, text, said):
    file = tmp_path / "bad.flow.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    ran = daemon.flowctl("run", str(file))
    assert ran.returncode in (2, 3)
    for words in said:
        assert words in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr + daemon.log()


@pytest.mark.parametrize(("shell", "program"), [("zsh", "zsh"), ("fish", "fish")])
def test_a_shell_that_is_not_installed_fails_the_step_with_the_cure(
    daemon, tmp_path, shell, program
):
    (only_bash := tmp_path / "bin").mkdir()
    (only_bash / "bash").symlink_to("/bin/bash")
    state, _, row = carry_out(
        daemon, tmp_path, {"run": "true", "shell": shell}, path=str(only_bash)
    )
    assert state == "failed"
    assert f"{shell} is not installed" in row["reason"]
    assert f"install {shell}" in row["reason"]


def test_output_that_is_no_text_is_kept_and_shown(daemon, tmp_path):
    script = r"printf 'a\xff\xfe\x00b\n'"
    state, text, _ = carry_out(daemon, tmp_path, {"run": script})
    assert (state, text) == ("succeeded", "a\ufffd\ufffd\0b\n")


def test_an_output_of_5_gb_neither_fills_the_disk_nor_the_database(daemon, tmp_path):
    with Watch(daemon.home) as watch:
        state, text, row = carry_out(
            daemon, tmp_path, {"run": "head -c 5000000000 /dev/zero; echo; echo the end"}
        )
    assert state == "succeeded"
    assert text.endswith("\nthe end\n")
    assert row["attempts"][0]["output_bytes"] == 5_000_000_009
    assert watch.longest >= 4_000_000_000  # the file had that length, and not the blocks
    assert watch.most_bytes < 700 * MB
    assert sum(file.stat().st_size for file in daemon.home.glob("flow.db*")) < 32 * MB
    assert watch.now() == 0


@pytest.mark.parametrize("more", [{}, {"tty": True}], ids=["files", "terminal"])
def test_a_step_that_prints_without_end_is_bounded_and_holds_up_nobody(daemon, tmp_path, more):
    step = {"run": "yes 'for ever and ever'", "timeout": "4s", **more}
    slowest = 0.0
    with Watch(daemon.home) as watch, daemon.client() as client:
        run = start(client, tmp_path, step)
        shown = client.call(methods.SHOW, runs.RunRef(run=run))
        while shown.state == "running":
            before = time.monotonic()
            shown = client.call(methods.SHOW, runs.RunRef(run=run))
            slowest = max(slowest, time.monotonic() - before)
            time.sleep(0.05)
    assert shown.steps[0].state == "timed_out"
    assert slowest < 2
    written = shown.steps[0].attempts[0].output_bytes
    assert written > 20 * MB
    assert watch.most_bytes < max(written / 2, 100 * MB)
    assert watch.now() == 0


def test_a_daemon_that_comes_back_gives_the_room_back(daemon, tmp_path):
    """While it is gone a flood does fill the disk; nobody else looks."""
    with daemon.client() as client:
        run = start(client, tmp_path, {"run": "yes | head -c 400000000; while :; do sleep 1; done"})
        (stdout,) = wait_for(lambda: list(daemon.home.glob("steps/*/*/stdout")))
    daemon.kill()
    wait_for(lambda: stdout.stat().st_size == 400_000_000)
    daemon.start()
    wait_for(lambda: stdout.stat().st_blocks * 512 < 10 * MB)
    assert stdout.stat().st_size == 400_000_000
    with daemon.client() as client:
        client.call(methods.CANCEL, runs.RunRef(run=run))
        list(client.follow(run))


class Watch:
    """Looks again and again how much of the disk the outputs of steps take."""

    def __init__(self, home: Path):
        self._home = home
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.most_bytes = self.longest = 0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def now(self) -> int:
        taken = 0
        for file in self._home.glob("steps/*/*/std*"):
            try:
                status = file.stat()
            except FileNotFoundError:
                continue
            taken += status.st_blocks * 512
            self.longest = max(self.longest, status.st_size)
        return taken

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.most_bytes = max(self.most_bytes, self.now())


def start(client, folder: Path, step: dict, path: str = "") -> str:
    workflow = {"flow": 1, "name": "t", "steps": [{"id": "a", "on_error": "stop", **step}]}
    environment = {"PATH": path} if path else None
    params = runs.RunParams(
        workflow=workflow, cwd=str(folder), approve=True, environment=environment
    )
    return client.call(methods.RUN, params).run


def carry_out(daemon: RealDaemon, folder: Path, step: dict, path: str = "") -> tuple:
    """Run one step; give the run's state, the output, and the step's row."""
    with daemon.client() as client:
        run = start(client, folder, step, path)
        text = "".join(getattr(event, "text", "") for event in client.follow(run))
        shown = client.call(methods.SHOW, runs.RunRef(run=run))
    return shown.state, text, msgspec.to_builtins(shown.steps[0])


def wait_for(what, seconds: float = 30):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)
    return found
