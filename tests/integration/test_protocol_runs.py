"""The whole way: client, socket, server, engine, log and real processes."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from flowd.config import Config
from flowd.domain.ports import Judge
from flowd.server.services import Services
from flowproto.client import Client, RemoteError, connect
from support.daemon import ScriptedJudge, ScriptedSuggester, paths_in, serving
from support.engines import open_workshop

SECONDS = 30


@asynccontextmanager
async def daemon(home: Path, judge: Judge | None = None) -> AsyncIterator[Path]:
    """Everything but the process: opening it again is a restart."""
    async with open_workshop(home, judge=judge or ScriptedJudge()) as shop:
        services = Services(
            log=shop.log,
            keeper=shop.log.keeper,
            engine=shop.engine,
            suggester=ScriptedSuggester(),
            judge=judge or ScriptedJudge(),
            config=Config(),
            paths=paths_in(home),
            started_at=time.monotonic(),
            stop=lambda: None,
        )
        async with serving(services) as path:
            yield path


async def talk(path: Path, work: Callable[[Client], Any]) -> Any:
    """Let a blocking client work beside the daemon."""

    def run() -> Any:
        with connect(path) as client:
            return work(client)

    with trio.fail_after(SECONDS):
        return await trio.to_thread.run_sync(run, abandon_on_cancel=True)


def start(client: Client, folder: Path, *steps: dict[str, Any], **params: Any) -> str:
    workflow = {"flow": 1, "name": "whole", "steps": list(steps)}
    params = {"workflow": workflow, "cwd": str(folder), **params}
    run: str = client.request("flow/run", params)["run"]
    return run


async def test_a_run_from_start_to_undo(tmp_path):
    def work(client: Client) -> None:
        run = start(
            client,
            tmp_path,
            {"id": "make", "run": "echo hällo; touch made", "undo": "rm made"},
            {"id": "ask", "run": "true", "confirm": "Sure?"},
        )
        kinds = []
        for event in client.events(run[:6]):
            kinds.append(event["type"])
            if event["type"] == "question_asked":
                assert client.request("flow/list")["runs"][0]["state"] == "waiting"
                client.request("flow/answer", {"run": run, "step": "ask", "answer": "yes"})
        assert kinds[0] == "run_started"
        assert kinds[-1] == "run_finished"
        assert {"step_output", "step_finished", "question_answered"} <= set(kinds)
        logs = client.request("flow/logs", {"run": run, "step": "make"})
        assert "".join(chunk["text"] for chunk in logs["chunks"]) == "hällo\n"
        shown = client.request("flow/show", {"run": run})
        assert (shown["state"], shown["steps"][0]["exit_code"]) == ("succeeded", 0)
        assert (tmp_path / "made").exists()
        client.request("flow/undo", {"run": run})
        after = shown["position"]
        assert [e["type"] for e in client.events(run, after)][-1] == "run_finished"
        assert client.request("flow/show", {"run": run})["state"] == "compensated"
        assert not (tmp_path / "made").exists()

    async with daemon(tmp_path) as path:
        await talk(path, work)


async def test_the_same_token_gives_the_same_run(tmp_path):
    def work(client: Client) -> None:
        step = {"id": "a", "run": "true"}
        runs = {start(client, tmp_path, step, client_token="t1") for _ in range(3)}
        assert len(runs) == 1
        assert start(client, tmp_path, step, client_token="t2") not in runs

    async with daemon(tmp_path) as path:
        await talk(path, work)


async def test_what_is_blocked_starts_nothing(tmp_path):
    def work(client: Client) -> RemoteError:
        try:
            start(client, tmp_path, {"id": "a", "run": "block"})
        except RemoteError as error:
            assert client.request("flow/list") == {"runs": []}
            return error
        raise AssertionError("it started")

    async with daemon(tmp_path) as path:
        error = await talk(path, work)
    assert error.name == "blocked_by_policy"
    assert error.data["findings"][0]["step"] == "a"


async def test_a_client_sees_one_story_through_a_restart(tmp_path):
    """The daemon ends in the middle of a step; the step goes on, and so does the client."""
    seen: list[dict[str, Any]] = []
    script = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done"

    def follow(run: str, client: Client) -> None:
        seen.extend(client.events(run, patience=20))  # one by one, as they come

    async with trio.open_nursery() as nursery:
        async with daemon(tmp_path) as path:
            step = {"id": "a", "run": script}
            run = await talk(path, lambda client: start(client, tmp_path, step))
            nursery.start_soon(talk, path, partial(follow, run))
            with trio.fail_after(20):
                while not any(event["type"] == "step_output" for event in seen):
                    await trio.sleep(0.02)
        async with daemon(tmp_path) as path, trio.open_nursery() as second:
            history: list[dict[str, Any]] = []
            second.start_soon(talk, path, lambda client: history.extend(client.events(run)))
            with trio.fail_after(20):  # the client may look for a daemon once a second only
                while seen[-1]["type"] != "run_finished":
                    await trio.sleep(0.02)
    assert seen == history
    assert [e["position"] for e in seen] == sorted({e["position"] for e in seen})
    assert sum(e["type"] == "step_started" for e in seen) == 1
    text = "".join(e["text"] for e in seen if e["type"] == "step_output")
    assert text.split() == list("12345678")
    assert seen[-1]["state"] == "succeeded"
