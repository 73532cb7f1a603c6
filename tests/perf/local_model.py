"""Measure a small local model: alone, Flow offline alone, and both together through Flow.

    local_model.py GGUF TASKS.jsonl --score SCORE.py [--every 5] [--from 0]
                   [--ways raw flow offline] [--candidates 3] [--timeout 60]

GGUF is served by llama.cpp's own server (`pip install xllamacpp`, wanted in the Python that runs
this); SCORE.py is called as `SCORE.py --tasks FILE --results FILE --no-minilm`. Says relevance,
and for each task wall seconds (median), the server's CPU seconds and tokens (means).
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

RAW_PROMPT = "Answer with one bash command for Linux that does the task, and with nothing else."
LONGEST_SECONDS = 60
START_SECONDS = 120
WAYS = {"flow": ["offline", "local"], "offline": ["offline"], "model": ["local"]}
Row = dict[str, Any]


def serve(gguf: str, port: int) -> None:
    """Serve the model until a signal comes. Two threads, so that figures can be compared."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.hostnames, params.port = ["127.0.0.1"], port
    params.n_ctx, params.n_parallel = 4096, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.use_jinja, params.ui, params.offline, params.endpoint_metrics = True, False, True, True
    params.sampling.temp = 0.0
    server = xllamacpp.Server(params)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    while not done.wait(1):
        pass
    del server


class Server:
    """A model that is being served, and what it used so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int):
        self.process = process
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> str:
        """Give the text of an answer."""
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return str(answer.read().decode())

    def ask(self, task: str) -> str:
        """Ask the model without Flow; its whole text."""
        messages = [{"role": "system", "content": RAW_PROMPT}, {"role": "user", "content": task}]
        body = {"messages": messages, "max_tokens": 200, "temperature": 0}
        request = urllib.request.Request(
            f"{self.address}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=LONGEST_SECONDS) as answer:
            return str(json.load(answer)["choices"][0]["message"]["content"])

    def used(self) -> tuple[float, int, int]:
        """Give CPU seconds, tokens read and tokens written since the start."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        figures = self.get("/metrics")

        def count(name: str) -> int:
            found = re.search(rf"^llamacpp:{name} (\S+)$", figures, re.MULTILINE)
            return int(float(found[1])) if found else 0

        ticks = int(fields[11]) + int(fields[12])
        return (
            ticks / os.sysconf("SC_CLK_TCK"),
            count("prompt_tokens_total"),
            count("tokens_predicted_total"),
        )


@contextmanager
def serving(gguf: str) -> Iterator[Server]:
    """Serve the model in a process of its own, and end that."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--serve", str(port), gguf, "-"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = Server(process, port)
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(server: Server) -> None:
    for _ in range(START_SECONDS * 2):
        if server.process.poll() is not None:
            sys.exit("the server of the model ended: is xllamacpp installed?")
        try:
            server.get("/health")
        except OSError:
            time.sleep(0.5)
        else:
            return
    sys.exit("the server of the model does not answer")


def raw(server: Server, tasks: Sequence[Row]) -> list[Row]:
    """Ask the model alone, in its own way."""
    rows: list[Row] = []
    for task in tasks:
        start = time.monotonic()
        text = server.ask(task["task"])
        fenced = re.search(r"```\w*\n(.*?)```", text, re.DOTALL)
        step = {"run": (fenced[1] if fenced else text).strip("`\n ")}
        rows.append(
            {
                "task": task["task"],
                "suggestions": [{"title": "", "workflow": {"steps": [step]}}],
                "elapsed_ms": (time.monotonic() - start) * 1000,
            }
        )
    return rows


def through_flow(
    server: Server, tasks: Sequence[Row], providers: Sequence[str], given: argparse.Namespace
) -> list[Row]:
    """Ask `flowctl suggest --batch` of a daemon of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        project = Path(scratch) / "project"
        home.mkdir()
        project.mkdir()
        (home / "config.toml").write_text(
            f'[providers.local]\nkind = "openai_compatible"\nbase_url = "{server.address}/v1"\n'
            f"candidates = {given.candidates}\n"
        )
        environment = {**os.environ, "FLOW_HOME": str(home)}
        batch = project / "tasks.jsonl"
        batch.write_text("".join(json.dumps({"task": task["task"]}) + "\n" for task in tasks))
        chosen = [word for name in providers for word in ("--provider", name)]
        waiting = ["--timeout", str(given.timeout), "--limit", "5"]
        try:
            ran = subprocess.run(
                [given.flowctl, "suggest", "--batch", str(batch), *chosen, *waiting, "--json"],
                env=environment,
                cwd=project,
                check=True,
                stdout=subprocess.PIPE,
            )
        finally:
            subprocess.run([given.flowctl, "daemon", "stop"], env=environment, check=False)
        return [json.loads(line) for line in ran.stdout.splitlines()]


def report(
    way: str, rows: Sequence[Row], tasks: Path, score: Path, used: Sequence[float], out: Path
) -> None:
    """Print one line of figures."""
    results = out / f"{way}.jsonl"
    results.write_text("".join(json.dumps(row) + "\n" for row in rows))
    figures = out / f"{way}.json"
    scoring = [sys.executable, str(score), "--tasks", str(tasks), "--results", str(results)]
    subprocess.run(
        [*scoring, "--no-minilm", "--json", str(figures)], check=True, stdout=subprocess.DEVNULL
    )
    found = json.loads(figures.read_text())
    found = found.get("report", found)
    seconds = median(row.get("elapsed_ms", 0) for row in rows) / 1000
    cpu, read, written = (figure / len(rows) for figure in used)
    print(
        f"{way}: {len(rows)} tasks, relevance@1 {found['relevance@1']}, "
        f"@3 {found['relevance@3']}; {seconds:.1f} s, {cpu:.1f} CPU s, "
        f"{read:.0f} tokens read, {written:.0f} written",
        flush=True,
    )


def main() -> None:
    """Measure as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf")
    parser.add_argument("tasks")
    parser.add_argument("--score", type=Path)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--candidates", type=int, default=3)
    parser.add_argument("--timeout", type=int, default=LONGEST_SECONDS)
    parser.add_argument("--ways", nargs="+", default=["raw", "offline", "flow"])
    parser.add_argument("--out", type=Path, default=Path("local-model"))
    parser.add_argument("--flowctl", default="flowctl")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.gguf, given.serve)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and end the server, too
    lines = Path(given.tasks).read_text(encoding="utf-8").splitlines()
    lines = lines[given.first :: given.every]
    given.out.mkdir(parents=True, exist_ok=True)
    sample = given.out / "tasks.jsonl"
    sample.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tasks = [json.loads(line) for line in lines]
    with serving(given.gguf) as server:
        for way in given.ways:
            before = server.used()
            if way == "raw":
                rows = raw(server, tasks)
            else:
                rows = through_flow(server, tasks, WAYS[way], given)
            used = [after - sooner for after, sooner in zip(server.used(), before, strict=True)]
            report(way, rows, sample, given.score, used, given.out)


if __name__ == "__main__":
    main()
