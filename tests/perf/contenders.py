"""Those who do the same work: Flow, and other engines of durable workflows where they are there.

The others live in build/peers (`make bench-peers`), which is no part of Flow's environment;
$FLOW_BENCH_PEERS names another place. All run the same command for every step, in a session of its
own, and keep its exit code and what it wrote, as a step of a shell workflow needs; on their default
settings, with their data in a temporary folder, on loopback only. The command is bash on a script,
or the program that Flow makes of a plain command (`flowd/exec/plain.py`).
"""

import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from measure import (
    SHELL_COMMAND,
    children,
    fresh_daemon,
    in_state,
    look_until_none,
    pid_of,
    submit,
    wait_until_done,
    workflow,
)

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("FLOW_BENCH_PEERS", HERE.parents[1] / "build" / "peers")).resolve()
CONNECTIONS = 8
PATIENCE_SECONDS = 60.0
SHELL = "true;"  # as cheap as `true`, and needs a shell for its semicolon
PLAIN = "true"  # executed without a shell
WITHOUT_SHELL = "Flow, no shell"


@dataclass(frozen=True)
class Contender:
    """An engine that serves.

    `carry_out(runs, steps)` starts so many workflows of so many `true` steps at once, returns when
    the engine says that all have ended, and gives how many succeeded. `processes()` are those that
    stay: steps are counted with the one that made them.
    """

    processes: Callable[[], Sequence[int]]
    carry_out: Callable[[int, int], int]


Opening = Callable[[], AbstractContextManager[Contender]]


class NotThere(Exception):
    """A peer that cannot be measured; the message says why, and the cure."""


# ------------------------------------------------------------------------------------------ Flow


@contextmanager
def flow(script: str = SHELL) -> Iterator[Contender]:
    """Our own daemon on a scratch home, and the script of its steps."""
    with fresh_daemon() as daemon, daemon.client() as client:

        def carry_out(runs: int, steps: int) -> int:
            before = in_state(client, "succeeded")
            submit(daemon, workflow(steps, script), runs, connections=min(runs, CONNECTIONS))
            wait_until_done(client)
            return in_state(client, "succeeded") - before

        yield Contender(lambda: [pid_of(daemon), *children(pid_of(daemon))], carry_out)


# ------------------------------------------------------------------------------------------ DBOS


@contextmanager
def dbos(words: str = SHELL_COMMAND) -> Iterator[Contender]:
    """DBOS on SQLite, its default: one process that is engine and service. NotThere without it."""
    command = [str(_python("dbos")), str(HERE / "dbos_load.py")]
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "FLOW_BENCH_COMMAND": words},
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                _line(process)  # it serves

                def carry_out(runs: int, steps: int) -> int:
                    assert process.stdin is not None
                    process.stdin.write(f"{runs} {steps}\n")
                    process.stdin.flush()
                    return int(_line(process))

                yield Contender(lambda: [process.pid], carry_out)
            finally:
                process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise NotThere("DBOS ended by itself: run tests/perf/dbos_load.py by hand to see why")
    return line


# --------------------------------------------------------------------------------------- Restate


@contextmanager
def restate(words: str = SHELL_COMMAND) -> Iterator[Contender]:
    """Restate's server, and the service whose steps it has carried out. NotThere without it."""
    python = _python("restate")
    place = "node/node_modules/@restatedev/restate-server-*/bin/restate-server"
    server = next(FOLDER.glob(place), None)
    if server is None:
        raise NotThere(f"Restate's server is not in {FOLDER}: make bench-peers (needs npm)")
    ingress, admin, node, service = _free_ports(4)
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        environment = {
            **os.environ,
            "FLOW_BENCH_COMMAND": words,
            "RESTATE_BASE_DIR": f"{folder}/data",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_NODE_NAME": "bench",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
            "RESTATE_DISABLE_TELEMETRY": "true",
        }
        serving = [str(python), str(HERE / "restate_load.py"), str(service)]
        with (
            _kept_going([str(server), "--no-logo"], folder, environment) as engine,
            _kept_going(serving, folder, environment) as worker,
        ):
            processes = (engine, worker)
            _wait_until_up(processes, [(admin, "/health"), (service, "/ended")])
            uri = {"uri": f"http://127.0.0.1:{service}"}
            with _connection(admin) as asked:
                _request(asked, "POST", "/deployments", uri)
            _wait_until_up(processes, [(ingress, "/restate/health")])
            pids = [process.pid for process in processes]
            yield Contender(lambda: pids, _Sagas(ingress, admin, service).carry_out)


class _Sagas:
    """Starts workflows in Restate and waits for them."""

    def __init__(self, ingress: int, admin: int, service: int) -> None:
        self._ingress, self._admin, self._service = ingress, admin, service
        self._started = self._succeeded = 0

    def carry_out(self, runs: int, steps: int) -> int:
        """Start, wait, count."""
        keys = range(self._started, self._started + runs)

        def some(first: int) -> None:
            with _connection(self._ingress) as asked:
                for key in keys[first::CONNECTIONS]:
                    _request(asked, "POST", f"/Saga/r{key}/run/send", steps)

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(some, range(min(runs, CONNECTIONS))))
        self._started += runs
        with _connection(self._service) as asked:  # asking the server costs it more
            look_until_none(lambda: self._started - int(_request(asked, "GET", "/ended")))
        look_until_none(lambda: self._started - sum(self._completed()))  # the last are under way
        before, self._succeeded = self._succeeded, self._completed()[0]
        return self._succeeded - before

    def _completed(self) -> tuple[int, int]:
        """How many workflows succeeded, as the server has it recorded, and how many failed."""
        query = (
            "SELECT completion_result AS result, count(*) AS n FROM sys_invocation"
            " WHERE target_service_name = 'Saga' AND status = 'completed' GROUP BY 1"
        )
        with _connection(self._admin) as asked:
            rows = json.loads(_request(asked, "POST", "/query", {"query": query}))["rows"]
        counts = {row["result"]: row["n"] for row in rows}
        good = counts.pop("success", 0)
        return good, sum(counts.values())


@contextmanager
def _kept_going(
    command: Sequence[str], folder: str, environment: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process until the block is left; there is nothing to be kept, so it is killed."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_up(
    processes: Sequence["subprocess.Popen[bytes]"], places: Sequence[tuple[int, str]]
) -> None:
    """Return once all places answer. NotThere when a process ends first, or none comes up."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for port, path in places:
        while True:
            if time.monotonic() > deadline or any(one.poll() is not None for one in processes):
                raise NotThere(
                    f"Restate in {FOLDER} does not come up: rm -r build/peers && make bench-peers"
                )
            with suppress(OSError, http.client.HTTPException), _connection(port) as asked:
                _request(asked, "GET", path)
                break
            time.sleep(0.05)


@contextmanager
def _connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def _request(asked: http.client.HTTPConnection, method: str, path: str, body: object = None) -> str:
    headers = {"content-type": "application/json", "accept": "application/json"}
    asked.request(method, path, None if body is None else json.dumps(body), headers)
    response = asked.getresponse()
    text = response.read().decode()
    if response.status >= 300:
        raise http.client.HTTPException(f"{method} {path}: {response.status} {text}")
    return text


def _free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


# ---------------------------------------------------------------------------------------- common


PEERS: dict[str, Opening] = {"DBOS": dbos, "Restate": restate}


def _python(package: str) -> Path:
    """The peers' own Python. NotThere when it does not have the package."""
    if not any(FOLDER.glob(f"lib/python3*/site-packages/{package}/__init__.py")):
        raise NotThere(f"the package {package} is not in {FOLDER}: make bench-peers")
    return FOLDER / "bin" / "python"


def which_are_there() -> tuple[dict[str, Opening], dict[str, str]]:
    """Try every peer once with a small run; give those that work, and why the others do not."""
    there, missing = {}, {}
    for name, opening in PEERS.items():
        try:
            with opening() as contender:
                contender.carry_out(1, 1)
        except NotThere as error:
            missing[name] = str(error)
        except (OSError, http.client.HTTPException) as error:  # it is there and does not work
            missing[name] = (
                f"{name} does not work: {error!r}; rm -r build/peers && make bench-peers"
            )
        else:
            there[name] = opening
    return there, missing
