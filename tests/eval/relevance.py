"""How good suggestions are: `make eval`.

    python tests/eval/relevance.py [FOLDER]      # FOLDER: ../shared, with data/ and eval/

Labelled tasks and their scorer are not part of the repository; where they are not there, nothing is
measured and that is said. Each line of the table is a daemon of its own with an empty home:
built-in knowledge alone, with tldr pages imported, both with the sentence model where there is one,
and with the examples of the manual pages of this machine (or of MANPATH).
FLOW_EVAL_MODEL=http://127.0.0.1:PORT/v1 adds a served model, through the whole pipeline, on every
fifth task. Latency as clients see it; CPU of the daemon alone.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flowd.domain.parse import workflow_from_object
from flowd.suggest.imports.manuals import manual_folders
from flowd.suggest.minilm import find_model
from support.flow_home import FLOWCTL, FlowHome, flow_home

TASKS = "data/tasks_dev.jsonl"
PAGES = "data/tldr.jsonl.xz"
SCORER = "eval/score.py"
EVERY = 5  # a served model takes seconds for each task
TICKS = os.sysconf("SC_CLK_TCK")
SETTLED = 2  # seconds of a daemon that has made out what it was to make out


def main() -> None:
    """Measure, and print a table."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared").resolve()
    missing = [name for name in (TASKS, PAGES, SCORER) if not (shared / name).is_file()]
    if missing:
        print(f"SKIPPED: {shared} has no {', '.join(missing)}; nothing was measured")
        return
    tasks = (shared / TASKS).read_text("utf-8").splitlines()
    print(f"{'suggestions of':<34} tasks   @1    @3   p50 ms  p95 ms  CPU ms  valid  runnable")
    measure("offline", tasks, shared, "off")
    measure("offline + tldr", tasks, shared, "off", pages=shared / PAGES)
    for folder in manual_folders(os.environ.get("MANPATH", ""))[-1:]:
        measure("offline + manual pages", tasks, shared, "off", pages=folder)
    if find_model() is None:
        print("SKIPPED: no sentence model is installed; with one suggestions are ordered better")
    else:
        measure("offline + model of sentences", tasks, shared, "")
        measure("offline + tldr + model of sentences", tasks, shared, "", pages=shared / PAGES)
    address = os.environ.get("FLOW_EVAL_MODEL")
    if address:
        some = tasks[::EVERY]
        measure("offline, the same tasks", some, shared, "off")
        measure("served model alone", some, shared, "off", model=address, providers=["served"])
        both = ["offline", "served"]
        measure("offline + served model", some, shared, "off", model=address, providers=both)
    else:
        print("SKIPPED: FLOW_EVAL_MODEL does not say where a model is served")


def measure(
    name: str,
    tasks: Sequence[str],
    shared: Path,
    semantic: str,
    *,
    pages: Path | None = None,
    model: str = "",
    providers: Sequence[str] = ("offline",),
) -> None:
    """Ask a fresh daemon for every task, and print how it did."""
    settings = f'[suggest]\nsemantic_model = "{semantic}"\n'
    if model:
        settings += f'[providers.served]\nkind = "openai_compatible"\nbase_url = "{model}"\n'
        settings += "max_tokens = 400\n"
    with _home(settings) as home:
        if pages is not None:
            home.out("knowledge", "import", str(pages), timeout=300)
        home.out("suggest", "list the files")
        if not semantic:
            _settle(home)
        rows = home.folder / "tasks.jsonl"
        rows.write_text("\n".join(tasks) + "\n", "utf-8")
        asked = [word for each in providers for word in ("--provider", each)]
        before = _cpu_ms(home)
        answers = home.out(
            "suggest", "--batch", str(rows), "--json", "--timeout", "60", *asked, timeout=7200
        )
        cpu = (_cpu_ms(home) - before) / len(tasks)
        results = home.folder / "results.jsonl"
        results.write_text(answers, "utf-8")
        scored = _score(shared, rows, results)
    made = [each for line in answers.splitlines() for each in json.loads(line)["suggestions"]]
    valid = sum(_is_valid(each) for each in made) / max(1, len(made))
    runnable = sum(_can_run(each) for each in made) / max(1, len(made))
    spent = scored["elapsed_ms"]
    print(
        f"{name:<34} {len(tasks):>5}  {scored['relevance@1']:.3f} {scored['relevance@3']:.3f}"
        f"  {spent['median']:>6.0f}  {spent['p95']:>6.0f}  {cpu:>6.0f}"
        f"  {valid:>5.0%}  {runnable:>7.0%}",
        flush=True,
    )


@contextmanager
def _home(settings: str) -> Iterator[FlowHome]:
    with (
        tempfile.TemporaryDirectory(prefix="flow-eval-") as folder,
        flow_home(Path(folder)) as home,
    ):
        place = Path(home.environment["FLOW_HOME"])
        place.mkdir(mode=0o700)
        (place / "config.toml").write_text(settings, "utf-8")
        yield home


def _settle(home: FlowHome) -> None:
    """Wait until the daemon has nothing more to make out of what it read."""
    before, idle = _cpu_ms(home), 0
    while idle < SETTLED:
        time.sleep(1)
        now = _cpu_ms(home)
        idle = idle + 1 if now - before < 50 else 0
        before = now


def _cpu_ms(home: FlowHome) -> float:
    pid = home.daemon_pid()
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def _score(shared: Path, tasks: Path, results: Path) -> Mapping[str, Any]:
    """Have the scorer of the data say what is relevant; it is a program of its own."""
    report = results.with_suffix(".json")
    command = [sys.executable, str(shared / SCORER), "--no-minilm", "--misses", "0"]
    command += ["--tasks", str(tasks), "--results", str(results), "--json", str(report)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    scored: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return scored


def _is_valid(suggestion: Mapping[str, Any]) -> bool:
    """Whether it is a workflow of the language and carries a verdict."""
    workflow_from_object(suggestion["workflow"])
    return suggestion["verdict"] in ("allow", "confirm", "block")


def _can_run(suggestion: Mapping[str, Any]) -> bool:
    """Whether preflight knows of nothing that is in its way on this machine."""
    return not suggestion.get("preflight")


if __name__ == "__main__":
    assert Path(FLOWCTL).is_file(), "run it with the Python of .venv: make eval"
    main()
