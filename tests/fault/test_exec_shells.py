"""Every shell of the language, the real one: how it gets its script, and when it stops."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowd.domain.ports import Executor, Exited
from flowd.exec.process import open_executor
from support.attempts import ENVIRONMENT, run_script, written

SCRIPTS = {
    "bash": 'echo "$v $PWD $(cat)"; printf -- "%s\\n" "${v:0:2}"; false; echo not reached',
    "sh": 'echo "$v $PWD $(cat)"; printf "%s\\n" "${v%lue}"; false; echo not reached',
    "zsh": 'echo "$v $PWD $(cat)"; echo "${v[1,2]}"; false; echo not reached',
    "fish": 'echo "$v $PWD "(cat); string sub -l 2 $v; exit 1',
    "python": "import os, sys; v = os.environ['v']\n"
    "print(v, os.getcwd(), sys.stdin.read()); print(v[:2]); raise SystemExit(1)",
}


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    async with open_executor(tmp_path / "steps") as executor:
        yield executor


@pytest.mark.parametrize("shell", SCRIPTS)
async def test_a_script_in_its_own_shell(executor, tmp_path, shell):
    program = {"python": "python3"}.get(shell, shell)
    if shutil.which(program, path=ENVIRONMENT["PATH"]) is None:
        pytest.skip(f"{program} is not installed")
    ending = await run_script(
        executor,
        SCRIPTS[shell],
        shell=shell,
        cwd=str(tmp_path),
        environment={**ENVIRONMENT, "v": "value", "HOME": str(tmp_path)},
        stdin="given",
    )
    assert isinstance(ending, Exited)
    assert ending.exit_code == 1
    assert written(executor).decode() == f"value {tmp_path} given\nva\n"
