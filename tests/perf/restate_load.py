"""The load of `saga_load.py` as a service for Restate, run in the peers' own environment.

Serves workflow `Saga` on 127.0.0.1 at the port given, with the settings that Restate's SDK and
hypercorn have by themselves: with as many streams as come it is some 5 % slower here, with requests
and responses instead of streams by a third. Each step is a durable step of Restate's that does what
ours does: it runs the same command in a session of its own, and its exit code and what it wrote are
kept. `GET /ended` tells how many workflows have ended, so that the server need not be asked for it
all the time.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

SCRIPT = Path("script")
COMMAND = os.environ["FLOW_BENCH_COMMAND"].split()
saga = restate.Workflow("Saga")
ended = 0


def step() -> tuple[int, str, str]:
    """Run the command; Restate's SDK calls it in a thread."""
    done = subprocess.run(
        COMMAND, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@saga.main()
async def run(ctx: restate.WorkflowContext, steps: int) -> None:
    """Run it again and again; the workflow fails where a step did."""
    global ended
    failed = 0
    for number in range(steps):
        code, _, _ = await ctx.run_typed(f"s{number}", step)
        failed += code != 0
    ended += 1
    if failed:
        raise restate.TerminalError(f"{failed} steps failed")


_services = restate.app([saga])


async def app(scope, receive, send) -> None:
    """Restate's own application, and `/ended`."""
    if scope["type"] != "http" or scope["path"] != "/ended":
        await _services(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(ended).encode()})


def main(port: int) -> None:
    """Serve until ended by a signal."""
    SCRIPT.write_text("true\n")
    settings = Config()
    settings.bind = [f"127.0.0.1:{port}"]
    settings.loglevel = "WARNING"
    asyncio.run(serve(app, settings, mode="asgi"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
