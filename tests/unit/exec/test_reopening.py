"""Which scripts open their own output anew, as far as texts tell."""

import os
import threading

import pytest

from flowd.exec.reopening import MOST_BYTES, MOST_FILES, any_opens_anew, opens_anew, texts_named


@pytest.mark.parametrize(
    ("script", "anew"),
    [
        ("echo no > /dev/stderr", True),
        ("make 2>&1 | tee /dev/stderr | grep -c x", True),
        ("curl -o /dev/stdout http://localhost", True),
        ("echo a > /dev/fd/2", True),
        ("echo a > /proc/self/fd/1", True),
        ("echo a > /proc/$$/fd/1", True),
        ("echo a > /dev/null 2>&1", False),
        ("cat /dev/stdin", False),
        ("ls /dev", False),
        ("echo no >&2", False),
        ("exec > >(tee log)", False),
        ("touch dev/stdoutput", False),
    ],
)
def test_what_a_script_says(script, anew):
    assert opens_anew(script) is anew


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("pytest -q", ()),
        ("git commit -m 'one two'", ()),
        ("./build.sh --fast", ("./build.sh",)),
        ("bash scripts/a.sh && sh b.sh", ("scripts/a.sh", "b.sh")),
        ("cd x; make", ("GNUmakefile", "makefile", "Makefile")),
        ("npm run build", ("package.json",)),
        ("echo a > out/a; cat out/a", ("out/a",)),
    ],
)
def test_what_a_script_names(script, names):
    assert texts_named(script) == names


def test_texts_are_looked_into_as_far_as_they_are_few_and_short(tmp_path):
    (tmp_path / "loud").write_text("echo a > /dev/stderr")
    (tmp_path / "far").write_text(" " * MOST_BYTES + "echo a > /dev/stderr")
    quiet = [f"quiet{n}" for n in range(MOST_FILES)]
    for name in quiet:
        (tmp_path / name).write_text("echo a")
    os.mkfifo(tmp_path / "pipe")
    others = ["pipe", "missing", ".", "x" * 300]
    cwd = str(tmp_path)
    assert any_opens_anew(cwd, [*others, "loud"])
    assert any_opens_anew("/", [str(tmp_path / "loud")])
    assert any_opens_anew(cwd, [*quiet[1:], "loud"])
    assert not any_opens_anew(cwd, [*quiet, "loud"])
    assert not any_opens_anew(cwd, [*others, "far"])
    assert not any_opens_anew(f"{cwd}/missing", ["loud"])


def test_nobody_who_waits_at_a_pipe_is_disturbed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    opened = threading.Event()

    def write() -> None:
        with (tmp_path / "pipe").open("w"):
            opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(40):  # it soon waits
        assert not any_opens_anew(str(tmp_path), ["pipe"])
        assert not opened.wait(0.005)
    (tmp_path / "pipe").read_text()
    writer.join()
