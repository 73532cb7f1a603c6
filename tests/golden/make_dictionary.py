"""Write a dictionary for packing finished runs: `python tests/golden/make_dictionary.py 2`.

Run once for a new number, never again for the same: what was packed with a dictionary needs that
very dictionary for ever (`flowd/store/packing.py`). It holds what the events of any run have in
common and what command-line tools often print; the commonest last, where a reference is shortest.
"""
# The lines are as tools print them, and must stay as they are.
# ruff: noqa: E501, W291

import sys
from pathlib import Path

import msgspec

from flowd.domain import events as e
from flowd.domain.workflow import Step, Workflow
from flowd.store.codec import encode_event, join_batch

FOLDER = Path(__file__).parents[2] / "daemon" / "flowd" / "store" / "dictionaries"
AT = 0x19B_0000_0000  # ms since the epoch: the years around the first release begin alike
PRINTED = """\
Traceback (most recent call last):\n  File "/usr/lib/python3/site-packages/", line 1, in <module>
raise ValueError: ModuleNotFoundError: No module named '' AssertionError: assert 
fatal: not a git repository (or any of the parent directories): .git
error: failed to push some refs to 'https://github.com/' git@github.com:
Permission denied: No such file or directory: command not found
npm warn deprecated added 100 packages, and audited 101 packages in 2s\nfound 0 vulnerabilities
Requirement already satisfied: in /usr/local/lib/python3.11/site-packages (from ->==)
Collecting Downloading -py3-none-any.whl.metadata (12 kB)\nInstalling collected packages: 
Successfully installed Successfully built Successfully uninstalled
Compiling v0.1.0 (/home/user/projects/)\n    Finished `release` profile target(s) in 1.25s
make[1]: Entering directory '/home/user/'\nmake: Nothing to be done for 'all'.
gcc -O2 -Wall -c -o build/ src/.c:12:5: warning: unused variable ' [-Wunused-variable]
error: expected ';' before In function 'main': note: ld: undefined reference to `
ok  \tgithub.com/\t(cached)\n--- PASS: Test (0.00s)\n--- FAIL: Test\n=== RUN   Test
============================= test session starts ==============================
platform linux -- Python 3.11, pytest-8.0, pluggy-1.5\nrootdir: /home/user/\ncollected 42 items
tests/unit/test_.py::test_ PASSED [ 10%]\ntests/test_.py ......F.. [100%]\nFAILED SKIPPED ERROR 
= short test summary info =\n10 passed, 1 failed, 2 skipped, 3 warnings in 0.12s ===
HTTP/1.1 200 OK\nContent-Type: application/json\nhttp://127.0.0.1:8080/ https://localhost
{"status": "ok", "id": 1, "name": "", "message": "", "version": "1.0.0", "time": "2026-01-01T00:00:00Z"}
Step 1/5 : FROM RUN COPY --> Using cache\nsha256:0123456789abcdef Digest: Pulling from library/
[1/20] CC [2/20] CXX [3/20] LINK Building file.o -- Configuring done\n-- Generating done
total 24\ndrwxr-xr-x 2 user user 4096 Jan  1 12:00 .\n-rw-r--r-- 1 root root 
2026-01-01 12:00:00,000 INFO DEBUG WARNING ERROR connected to started in ms bytes, took seconds
Enumerating objects: 5, done.\nCounting objects: 100% (5/5), done.\nDelta compression using up to 8 threads
Writing objects: 100% (3/3), 300 bytes | 300.00 KiB/s, done.\nremote: Resolving deltas
To github.com:\n   0123456..89abcde  main -> main\n * [new tag]         v1.0.0 -> v1.0.0
On branch main\nYour branch is up to date with 'origin/main'.\nnothing to commit, working tree clean
[main 0123456] \n 1 file changed, 2 insertions(+), 1 deletion(-)\nAlready up to date.
done, finished, created, removed, updated, skipped, checking, cleaning, building, running
.py .js .ts .rs .go .json .toml .yaml .tar.gz src/ tests/ build/ dist/ lib/ docs/ config main 
"""
STEPS = ("clean", "lint", "check", "deploy", "install", "push", "tag", "test", "build")
WORKFLOW = Workflow(flow=1, name="any", steps=[Step(id="build", run="make")])


def batch(position: int, version: int, *events: e.Event) -> bytes:
    """Encode an append as sealing does."""
    joined = join_batch([encode_event(event).body for event in events])
    return msgspec.msgpack.encode((position, version, msgspec.Raw(joined)))


def rare() -> bytes:
    """Encode what happens in few runs."""
    events: list[e.Event] = [
        e.RunParked(at=AT, reason=""),
        e.RunResumed(at=AT, by="flowctl"),
        e.AttemptWithdrawn(at=AT, step="build", attempt=1, kind="run"),
        e.CheckStarted(at=AT, step="build", attempt=1),
        e.CheckFinished(at=AT, step="build", attempt=1, outcome="failed", exit_code=1),
        e.RetryRequested(at=AT, by="flowctl"),
        e.CancelRequested(at=AT, by="flowctl"),
        e.QuestionAsked(at=AT, step="build", about="lost", question="Did it happen? Run it?"),
        e.QuestionAsked(at=AT, step="build", about="approval", question="This needs a person."),
        e.QuestionAnswered(at=AT, step="build", answer="yes", by="flowctl"),
        e.StepSkipped(at=AT, step="build", reason="its condition is false"),
        e.RetryScheduled(at=AT, step="build", attempt=2, delay_ms=2000),
        e.RollbackStarted(at=AT, cause="undo", steps=["build"]),
        e.RollbackStarted(at=AT, cause="failure", steps=["build"]),
        e.CompensationStarted(at=AT, step="build", attempt=1),
        e.OutputAppended(
            at=AT, step="build", attempt=1, kind="undo", stream="stderr", data=bytes(200)
        ),
        e.CompensationFinished(at=AT, step="build", attempt=1, outcome="succeeded", exit_code=0),
        *(
            e.StepFinished(at=AT, step="build", attempt=1, outcome=outcome, exit_code=1)
            for outcome in ("lost", "timed_out", "cancelled", "failed")
        ),
        *(
            e.RunFinished(at=AT, state=state)
            for state in ("compensation_failed", "cancelled", "compensated", "failed")
        ),
    ]
    return b"".join(encode_event(event).body for event in events)


def started() -> bytes:
    """Encode the beginning of a run."""
    event = e.RunStarted(
        at=AT, workflow=WORKFLOW, inputs={"version": "1.0.0", "name": "main"}, environment={},
        cwd="/home/user/projects/", client_token="0123456789abcdef" * 2,
        origin="/home/user/projects/.flow.yaml",
    )  # fmt: skip
    return batch(1, 2, event, e.StepStarted(at=AT, step="build", attempt=1))


def step(name: str, stream: e.Stream, following: e.Event) -> bytes:
    """Encode the end of a step and what follows."""
    return batch(
        5,
        5,
        e.OutputAppended(at=AT, step=name, attempt=1, kind="run", stream=stream, data=bytes(200)),
        e.StepFinished(
            at=AT, step=name, attempt=1, outcome="succeeded", exit_code=0, duration_ms=100,
            cpu_ms=10, output_bytes=200,
        ),
        following,
    )  # fmt: skip


def dictionary() -> bytes:
    """Put it together; runs of zero bytes stand for output and are of no use."""
    steps = [
        step(
            name,
            "stderr" if name == "lint" else "stdout",
            e.StepStarted(at=AT, step=name, attempt=1),
        )
        for name in STEPS
    ]
    last = step("build", "stdout", e.RunFinished(at=AT, state="succeeded"))
    events = rare() + started() + b"".join(steps) + last
    return PRINTED.encode() + events.replace(bytes(200), b"")


def main(number: int) -> None:
    """Write the dictionary of that number; it must not be there."""
    with (FOLDER / f"{number:04}.zdict").open("xb") as file:
        file.write(dictionary())


if __name__ == "__main__":
    main(int(sys.argv[1]))
