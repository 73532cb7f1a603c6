"""What failed last in a folder, from the record of runs."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from flowd.domain.events import OutputAppended, Recorded, RunStarted, StepFinished
from flowd.domain.items import parent_of
from flowd.domain.ports import RunSummary
from flowd.domain.suggestions import Failure
from flowd.domain.workflow import Workflow

_RUNS_LOOKED_AT = 30
_EVENTS_AT_ONCE = 500
_EVENTS_LOOKED_AT = 5000
_OUTPUT_BYTES = 2000
_FAILED = ("failed", "compensated", "compensation_failed")


class RunRecord(Protocol):
    """The event log, to look at."""

    async def summaries(
        self, *, query: str = "", states: Sequence[str] = (), limit: int = 100
    ) -> list[RunSummary]:
        """See `EventLog`."""
        ...

    async def read(self, run: str, after: int = 0, limit: int = 500) -> list[Recorded]:
        """See `EventLog`."""
        ...


async def last_failure(record: RunRecord, cwd: str) -> Failure | None:
    """Give the step that failed in the newest failed run of the folder, and what it wrote.

    None when there is none, or the same workflow succeeded there since.
    """
    mended: set[str] = set()
    for run in await record.summaries(limit=_RUNS_LOOKED_AT):
        if run.cwd != cwd:
            continue
        if run.state == "succeeded":
            mended.add(run.name)
        elif run.state in _FAILED and run.name not in mended:
            return await _failed_step(record, run)
    return None


async def _failed_step(record: RunRecord, run: RunSummary) -> Failure | None:
    scripts: dict[str, str] = {}
    written: defaultdict[tuple[str, int], bytes] = defaultdict(bytes)
    failed: Failure | None = None
    position = 0
    for _ in range(_EVENTS_LOOKED_AT // _EVENTS_AT_ONCE):
        events = await record.read(run.id, after=position, limit=_EVENTS_AT_ONCE)
        for recorded in events:
            position = recorded.position
            match recorded.event:
                case RunStarted(workflow=workflow):
                    scripts = _scripts(workflow)
                case OutputAppended(kind="run") as output:
                    key = (output.step, output.attempt)
                    written[key] = (written[key] + output.data)[-_OUTPUT_BYTES:]
                case StepFinished(outcome="failed" | "timed_out") as ended if ended.attempt:
                    script = scripts.get(ended.step) or scripts.get(parent_of(ended.step) or "")
                    text = written[ended.step, ended.attempt].decode("utf-8", "replace")
                    failed = Failure(script or ended.step, text.strip())
        if len(events) < _EVENTS_AT_ONCE:
            break
    return failed


def _scripts(workflow: Workflow) -> dict[str, str]:
    return {step.id: step.run for step in workflow.steps}
