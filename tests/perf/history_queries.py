"""How long lists of runs take: `python tests/perf/history_queries.py [RUNS]`.

Fills the tables with runs and asks what `ps` and `history` ask, through the log as the daemon does;
medians are printed, and what SQLite reads for it.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import apsw
import trio
from figures import Figure, at_most, publish

from flowd.domain.events import RunStatus
from flowd.domain.ids import new_run_id
from flowd.store import open_log
from flowd.store.connection import prepare_writer
from flowd.store.migrate import migrate
from flowd.store.projections import RunRow
from flowd.store.runs_table import add_row

ROUNDS = 9
MOST_MS = 50
NAMES = [
    f"{verb} {thing}" for verb in ("build", "test", "release", "deploy") for thing in range(50)
]
FINISHED: list[RunStatus] = ["succeeded"] * 90 + ["failed"] * 7 + ["compensated"] * 3


def fill(path: Path, runs: int) -> list[str]:
    """Write rows as finished runs leave them, and a few live ones; give the ids."""
    chance = random.Random(1)
    connection = apsw.Connection(str(path))
    prepare_writer(connection)
    migrate(connection)
    ids = [new_run_id() for _ in range(runs)]
    with connection:
        for number, run_id in enumerate(ids):
            run = 16 * number + 1
            token = f"{chance.getrandbits(128):032x}"
            connection.execute(
                "INSERT INTO streams (run, id, client_token) VALUES (?, ?, ?)", (run, run_id, token)
            )
            row = RunRow(
                id=run_id,
                name=chance.choice(NAMES) if number else "the first of all",
                state=chance.choice(FINISHED) if number < runs - 5 else "running",
                cwd=f"/home/user/projects/{number % 30}",
                created_at=1_764_000_000_000 + number,
                updated_at=1_764_000_900_000 + number,
                position=run + 15,
                version=16,
                steps=5,
                steps_done=5,
            )
            add_row(connection, run, row)
    connection.close()
    return ids


async def ask(path: Path, ids: list[str]) -> None:
    """Ask everything a few times, and print the medians."""
    questions: dict[str, dict[str, object]] = {
        "the newest 100": {},
        "live ones": {"states": ["pending", "running", "waiting", "compensating"]},
        "failed ones": {"states": ["failed"]},
        "never seen state": {"states": ["compensation_failed"]},
        "succeeded or failed": {"states": ["succeeded", "failed"]},
        "common name": {"query": "BUILD"},
        "one name of many": {"query": "deploy 17"},
        "the oldest run's name": {"query": "first of all"},
        "the oldest run's id": {"query": ids[0]},
        "the oldest run's id, within": {"query": ids[0][2:9]},
        "no match": {"query": "nothing of the kind"},
        "no match among the failed": {"query": "nothing of the kind", "states": ["failed"]},
        "10,000 of one name": {"query": "deploy", "limit": 10_000},
    }
    async with open_log(path) as log:
        rows = []
        slowest = 0.0
        for name, question in questions.items():
            took, found = [], 0
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                found = len(await log.summaries(**question))  # type: ignore[arg-type]
                took.append(1000 * (time.perf_counter() - begun))
            median = statistics.median(took)
            slowest = max(slowest, median if found <= 100 else 0)
            rows.append(Figure(f"{name}: {found} found", median, "ms"))
        target = at_most(MOST_MS)
        rows.append(Figure("slowest with the usual limit", slowest, "ms", ".1f", target))
        publish("history_queries", f"Questions about {len(ids)} runs", rows)


def main(runs: int = 100_000) -> None:
    """Fill a database and measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "flow.db")
        trio.run(ask, path, fill(path, runs))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
