"""What runs cost on disk: `python tests/perf/db_size.py [RUNS]`.

Runs of five steps with 200 bytes of output each, recorded by the log's own commit as the engine and
`flowctl run` have them recorded: one append a step, a token for every run. Lines look like those of
compilers, test runners and git, with their numbers, times and digests. Everything is counted: the
database, its log and its index, after a checkpoint.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
from figures import Figure, at_most, publish

from flowd.domain.events import Event, RunFinished, RunStarted, StepFinished, StepStarted
from flowd.domain.events import OutputAppended as Output
from flowd.domain.ids import new_run_id
from flowd.domain.workflow import Step, Undo, Workflow
from flowd.store.codec import encode_event
from flowd.store.commit import Append, Rows, commit
from flowd.store.connection import prepare_writer
from flowd.store.migrate import migrate

SIDE_BY_SIDE = 10
OUTPUT_BYTES = 200
MOST_BYTES_A_RUN = 1300
MODULES = ("parser", "engine", "store", "protocol", "client", "config", "cli", "render", "auth")
STEPS = ("test", "build", "tag", "push", "announce")
WORKFLOW = Workflow(
    flow=1,
    name="release",
    description="Test, build, tag and push a release",
    steps=[Step(id=name, run=f"make {name}", undo=Undo(run=f"make un{name}")) for name in STEPS],
)
ENVIRONMENT = {f"VARIABLE_{n}": f"/usr/lib/some/folder/{n}" for n in range(40)}


def line(chance: random.Random) -> str:
    """Give a line that a tool might print."""
    module, other = chance.choices(MODULES, k=2)
    number = chance.randint(1, 999)
    made = chance.choice(
        (
            f"tests/unit/test_{module}.py::test_{other}_{number % 40} PASSED [{number % 101:3}%]",
            f"[{number:3}/999] CC build/{module}/{other}.o",
            f"src/{module}/{other}.c:{number}:{number % 80}: warning: unused variable '{other}'",
            f"{chance.getrandbits(28):07x}..{chance.getrandbits(28):07x}  main -> main",
            f"INFO {module}: {other} took {number / 10:.1f} ms, {number * 37} bytes",
            f"Installing {module}-{number % 9}.{number % 13}.{number % 7}-py3-none-any.whl",
            f"sha256:{chance.getrandbits(64):016x} {module}.tar.gz",
            f"{number} passed, {number % 5} skipped in {number / 100:.2f}s",
        )
    )
    return made + "\n"


def output(chance: random.Random) -> bytes:
    """Give the output of a step."""
    text = ""
    while len(text) < OUTPUT_BYTES:
        text += line(chance)
    return text[:OUTPUT_BYTES].encode()


def appends(chance: random.Random, at: int) -> Iterator[list[Event]]:
    """Give what the engine appends in the course of one run, from `at` (ms since the epoch)."""
    yield [
        RunStarted(
            at=at,
            workflow=WORKFLOW,
            inputs={"version": f"1.{chance.randint(0, 99)}.0"},
            cwd="/home/user/projects/flow",
            environment=ENVIRONMENT,
            client_token=f"{chance.getrandbits(128):032x}",
            origin="/home/user/projects/flow/release.flow.yaml",
        ),
        StepStarted(at=at, step=STEPS[0], attempt=1),
    ]
    for number, step in enumerate(STEPS):
        took = chance.randint(3, 4000)
        at += took + chance.randint(1, 4)
        following: Event = (
            StepStarted(at=at, step=STEPS[number + 1], attempt=1)
            if step != STEPS[-1]
            else RunFinished(at=at, state="succeeded")
        )
        yield [
            Output(at=at, step=step, attempt=1, kind="run", stream="stdout", data=output(chance)),
            StepFinished(
                at=at,
                step=step,
                attempt=1,
                outcome="succeeded",
                exit_code=0,
                duration_ms=took,
                cpu_ms=chance.randint(0, took),
                max_rss_bytes=chance.randint(12_000, 90_000) * 1024,
                output_bytes=OUTPUT_BYTES,
            ),
            following,
        ]


def fill(connection: apsw.Connection, runs: int, seed: int = 1) -> None:
    """Record so many runs, some side by side."""
    chance = random.Random(seed)
    at = 1_764_000_000_000
    rows: Rows = {}
    for _ in range(0, runs, SIDE_BY_SIDE):
        at += 60_000
        versions = {new_run_id(): 0 for _ in range(SIDE_BY_SIDE)}
        for together in zip(*(appends(chance, at) for _ in versions), strict=True):
            group = [
                Append(run, version, events, [encode_event(event) for event in events])
                for (run, version), events in zip(versions.items(), together, strict=True)
            ]
            for outcome in commit(connection, rows, group):
                assert isinstance(outcome, list)
                versions[outcome[-1].run] = outcome[-1].version


def bytes_on_disk(folder: Path) -> int:
    """Measure everything there is."""
    return sum(path.stat().st_size for path in folder.iterdir())


def main(runs: int = 10_000) -> None:
    """Fill a database, measure it, print what each part takes."""
    with tempfile.TemporaryDirectory() as name:
        connection = apsw.Connection(str(Path(name, "flow.db")))
        prepare_writer(connection)
        migrate(connection)
        connection.pragma("synchronous", "OFF")  # only the size matters here
        fill(connection, runs)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        total = bytes_on_disk(Path(name))
        parts = connection.execute(
            "SELECT name, sum(pgsize) AS size FROM dbstat GROUP BY name ORDER BY size DESC LIMIT 9"
        )
        whole = "bytes a run, -wal and -shm too"
        rows = [
            Figure(whole, total / runs, "B", ".0f", at_most(MOST_BYTES_A_RUN)),
            *(Figure(f"of it {part}", size / runs, "B", ".1f") for part, size in parts),
            Figure("the whole database", total / 1e6, "MB"),
        ]
        publish("db_size", f"The database of {runs} runs", rows)
        connection.close()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
