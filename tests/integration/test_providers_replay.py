"""Recorded and replayed by aimock, which nobody here wrote, with llmock as what is recorded.

It writes streams in its own way, so this is a second opinion on all three protocols.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowd.config import Config, ProviderConfig, SuggestConfig
from flowd.domain.suggestions import SuggestRequest
from flowd.safety.judge import make_judge
from flowd.suggest.pipeline import make_suggester

pytest.importorskip("llmock.scenarios", reason="llmock is not installed")

ROOT = Path(__file__).parents[2]
AIMOCK = ROOT / "build/node/node_modules/@copilotkit/aimock/dist/aimock-cli.js"
if shutil.which("node") is None or not AIMOCK.exists():
    pytest.skip("aimock is not installed (tests/install_tools.sh)", allow_module_level=True)

ANSWER = json.dumps(
    {"suggestions": [{"title": "List files", "steps": [{"id": "list", "run": "ls -l"}]}]}
)
PATHS = {"openai": "/v1", "anthropic": "", "openai_compatible": "/v1"}


@contextmanager
def aimock(folder: Path, *more: str) -> Iterator[str]:
    """Serve the fixtures in a folder; gives the address."""
    process = subprocess.Popen(
        ["node", str(AIMOCK.with_name("cli.js")), "-p", "0", "-f", str(folder), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found and "listening" in line.lower():
                yield found[0]
                return
        raise AssertionError("aimock did not start")
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


async def ask(kind: str, address: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("TEST_KEY", "k")
    provider = ProviderConfig(
        kind=kind, model="m", base_url=address + PATHS[kind], api_key_env="TEST_KEY"
    )
    config = Config(suggest=SuggestConfig(providers=["it"]), providers={"it": provider})
    request = SuggestRequest(task="list the files", cwd="/", deadline_seconds=20)
    answer = await make_suggester(config, make_judge()).suggest(request)
    assert not answer.providers[0].error
    return [found.title for found in answer.suggestions]


@pytest.mark.parametrize("kind", PATHS)
async def test_a_recorded_answer_is_read_again_when_nobody_else_is_there(
    kind: str, llmock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    llmock.reply(ANSWER)
    upstream = [
        *("--record", "--provider-openai", llmock.url),
        *("--provider-anthropic", llmock.base_url("anthropic")),
    ]
    with aimock(tmp_path, *upstream) as address:
        assert await ask(kind, address, monkeypatch) == ["List files"]
    assert list(tmp_path.rglob("*.json"))
    asked = len(llmock.requests)
    with aimock(tmp_path, "--strict") as address:
        assert await ask(kind, address, monkeypatch) == ["List files"]
    assert len(llmock.requests) == asked == 1
