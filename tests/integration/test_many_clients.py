"""More clients at once than a process may usually open files: the daemon takes them all."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flowproto import methods, runs
from flowproto.daemon import Empty
from support.real_daemon import RealDaemon, real_daemon

FEW = 256


@contextmanager
def few_files() -> Iterator[None]:
    """Whatever is started in the block may open few files, unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def output_of(daemon: RealDaemon, script: str) -> str:
    """What a step writes."""
    text = f"flow: 1\nname: t\nsteps:\n  - {{id: a, run: '{script}'}}\n"
    with daemon.client() as client:
        run = client.call(methods.RUN, runs.RunParams(text=text, cwd=str(daemon.home))).run
        return "".join(getattr(event, "text", "") for event in client.follow(run))


def test_clients_beyond_the_usual_limit_on_files(tmp_path):
    with ExitStack() as stack:
        with few_files():
            daemon = stack.enter_context(real_daemon(tmp_path))
        clients = [stack.enter_context(daemon.client()) for _ in range(FEW + 50)]
        told = [client.call(methods.STATUS, Empty()).peers for client in clients]
        assert told[-1] == len(clients)
        assert output_of(daemon, "ulimit -n") == f"{FEW}\n"  # steps get what we were given
