"""Plain commands are executed without a shell; whatever goes wrong, it looks as a shell's would."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowd.domain.ports import Executor, Exited
from flowd.exec.process import open_executor
from support.attempts import ENVIRONMENT, run_script, written


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    async with open_executor(tmp_path / "steps") as executor:
        yield executor


def program(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


async def told(executor: Executor, tmp_path: Path, script: str) -> tuple[int, str, str]:
    """Run a script in `tmp_path`; give its exit code and what it wrote, without its own path."""
    ending = await run_script(executor, script, cwd=str(tmp_path))
    assert isinstance(ending, Exited), ending
    out, err = (written(executor, stream=stream).decode() for stream in ("stdout", "stderr"))
    return ending.exit_code, out, err


SHOW = (
    "#!/bin/sh\ncut -d' ' -f1,5,6 /proc/$$/stat; echo $PWD \"$@\"; cut -d' ' -f1 /proc/$PPID/stat\n"
)


async def test_it_is_the_holders_child_in_a_session_of_its_own(executor, tmp_path):
    program(tmp_path / "show", SHOW)
    code, out, _ = await told(executor, tmp_path, "./show a 'b  c'")
    [identity, words, parent] = out.splitlines()
    pid, group, session = identity.split()
    assert code == 0
    assert pid == group == session
    assert words == f"{tmp_path} a b  c"
    assert b"holder.py" in Path(f"/proc/{parent}/cmdline").read_bytes()


async def test_a_shell_is_in_between_where_one_is_needed(executor, tmp_path):
    program(tmp_path / "show", SHOW)
    _, out, _ = await told(executor, tmp_path, "./show a; true")
    pid, group, _ = out.splitlines()[0].split()
    assert pid != group


async def test_a_program_names_itself_as_it_was_called(executor, tmp_path):
    code, _, err = await told(executor, tmp_path, "ls /no/such/file")
    assert code == 2
    assert err.startswith("ls: cannot access")


@pytest.mark.parametrize(
    ("text", "mode", "code", "words"),
    [
        ("echo no first line with an interpreter", 0o755, 0, ""),
        ("#!/no/such/interpreter\n", 0o755, 126, "line 1: "),
        ("#!/bin/sh\n", 0o644, 126, "Permission denied"),
        ("\x7fELF and nothing else", 0o755, 126, "cannot execute binary file"),
    ],
)
async def test_what_cannot_be_executed_is_left_to_the_shell(
    executor, tmp_path, text, mode, code, words
):
    program(tmp_path / "tool", text, mode)
    got, out, err = await told(executor, tmp_path, "./tool")
    assert got in (code, 127) if code else got == 0
    assert words in err
    assert out == ("no first line with an interpreter\n" if not code else "")


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("./missing", 127, "./missing: No such file or directory"),
        ("no-such-program-anywhere", 127, "no-such-program-anywhere: command not found"),
        ("./", 126, "Is a directory"),
    ],
)
async def test_what_is_not_there(executor, tmp_path, script, code, words):
    got, _, err = await told(executor, tmp_path, script)
    assert got == code
    assert words in err
    assert "line 1" in err


async def test_what_a_signal_ended_has_the_exit_code_a_shell_gives(executor, tmp_path):
    program(tmp_path / "die", "#!/bin/sh\nkill -SEGV $$\n")
    assert (await told(executor, tmp_path, "./die"))[0] == 128 + 11


async def test_a_function_from_the_environment_is_still_heard(executor, tmp_path):
    environment = {**ENVIRONMENT, "BASH_FUNC_ls%%": "() { echo mine; }"}
    ending = await run_script(executor, "ls", environment=environment, cwd=str(tmp_path))
    assert isinstance(ending, Exited)
    assert written(executor) == b"mine\n"
