"""Write the golden histories of a release: `python tests/golden/make_histories.py 4`.

Run once for a release that changed how events are stored, never again for the same number: what
was written then must read for ever (`test_golden_histories.py`).
"""

import json
import lzma
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec
import trio

from flowd.domain import events as e
from flowd.domain.workflow import Goto, Input, Limits, Retry, Step, Undo, Workflow
from flowd.store import open_log

FOLDER = Path(__file__).parent / "histories"

WORKFLOW = Workflow(
    flow=1,
    name="Release Ü",
    description="Everything the language has",
    inputs={"version": Input(type="string", pattern=r"^\d+$"), "dry": Input(type="boolean")},
    env={"PYTHONUNBUFFERED": "1"},
    cwd="sub",
    steps=[
        Step(id="build", run="make", retry=Retry(attempts=3, delay="2s", backoff=2, jitter=0.1)),
        Step(id="tag", run="git tag", undo="git tag -d", check="git rev-parse", needs=["build"]),
        Step(id="push", run="git push", undo=Undo(run="git push -d", timeout="1m"), confirm="Go?"),
        Step(id="tidy", run="rm -f x", finally_=True, if_="true", on_error=Goto(goto="last")),
        Step(id="last", run="true", limits=Limits(memory="512M"), shell="sh", outputs=["result"]),
        Step(id="each", run="true", for_each=["x", "y"], as_="it", parallel=2, artifacts=["d/*"]),
    ],
)
STARTED = e.RunStarted(
    at=1764000000000,
    workflow=WORKFLOW,
    inputs={"version": "7", "dry": False, "count": 3, "share": 0.5},
    cwd="/home/user/project",
    environment={"PATH": "/usr/bin", "NAME": b"caf\xe9".decode("utf-8", "surrogateescape")},
    questions={"push": "This publishes."},
    approved=True,
    client_token="token-1",
    origin="cli",
)
EVERY_EVENT: list[e.Event] = [
    STARTED,
    e.StepStarted(at=1, step="build", attempt=1),
    e.StepExpanded(at=1, step="each", items=["x", "Ü"]),
    e.StepFinished(at=1, step="each.0", attempt=1, outcome="succeeded"),
    e.StepFinished(at=1, step="each", attempt=0, outcome="failed", reason="1 of 2 items failed"),
    e.FilesSaved(at=1, step="build", attempt=1, files=3, bytes=4096),
    e.ArtifactsKept(
        at=1,
        step="each.0",
        attempt=1,
        files=[e.Artifact("d/Ü", 5, "0" * 64, 0o755)],
        bytes=5,
        left_out=1,
        reason="d/y does not fit",
    ),
    e.FilesSaved(at=1, step="tidy", attempt=1, files=0, bytes=0, reason="no room"),
    e.OutputAppended(
        at=2, step="build", attempt=1, kind="run", stream="stdout", data=b"\0short\xff", skipped=9
    ),
    e.OutputAppended(
        at=3, step="build", attempt=1, kind="run", stream="stderr", data=bytes(range(256)) * 20
    ),
    e.StepFinished(
        at=4,
        step="build",
        attempt=1,
        outcome="succeeded",
        exit_code=0,
        duration_ms=1234,
        outputs={"result": "ok"},
        reason="because",
        cpu_ms=987,
        max_rss_bytes=48_000_000,
        output_bytes=5135,
    ),
    e.AttemptWithdrawn(at=5, step="tag", attempt=1, kind="run"),
    e.StepSkipped(at=6, step="tag", reason="its condition was false"),
    e.RetryScheduled(at=7, step="push", attempt=1, delay_ms=2000, kind="undo"),
    e.QuestionAsked(at=8, step="push", about="lost", question="Did it happen?"),
    e.QuestionAnswered(at=9, step="push", answer="retry", by="user"),
    e.CheckStarted(at=10, step="tag", attempt=1),
    e.CheckFinished(at=11, step="tag", attempt=1, outcome="failed", exit_code=1, duration_ms=5),
    e.RunParked(at=12, reason="our mistake"),
    e.RunResumed(at=13, by="user"),
    e.CancelRequested(at=14, by="user"),
    e.RunFinished(at=15, state="cancelled"),
    e.RetryRequested(at=16, by="user"),
    e.RollbackStarted(at=17, cause="failure", steps=["build"]),
    e.CompensationStarted(at=18, step="build", attempt=1),
    e.CompensationFinished(
        at=19,
        step="build",
        attempt=1,
        outcome="timed_out",
        exit_code=143,
        duration_ms=7,
        reason="x",
        cpu_ms=6,
        output_bytes=1,
    ),
]
FINISHED = e.RunFinished(at=20, state="compensation_failed")


async def make(number: int) -> None:
    """Write a database with a live and a sealed run, and the same events in plain JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.db"
        async with open_log(path) as log:
            await log.append("live", 0, EVERY_EVENT)
            first = msgspec.structs.replace(STARTED, client_token=None)
            for version, event in enumerate([first, *EVERY_EVENT[1:], FINISHED]):
                await log.append("sealed", version, [event])
            recorded = await log.read("live") + await log.read("sealed")
            summaries = await log.summaries()
        with path.open("rb") as plain, lzma.open(FOLDER / f"v{number}_flow.db.xz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
    told = {
        "events": [
            {
                "position": r.position,
                "run": r.run,
                "version": r.version,
                "type": r.event.__struct_config__.tag,
                "fields": {name: getattr(r.event, name) for name in r.event.__struct_fields__},
            }
            for r in recorded
        ],
        "summaries": summaries,
    }
    text = json.dumps(msgspec.to_builtins(told), indent=1)  # json writes lone surrogates, too
    (FOLDER / f"v{number}_events.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    trio.run(make, int(sys.argv[1]))
