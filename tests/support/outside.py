"""What lies outside of a sandbox or a policy's boundaries, for steps that try to get there."""

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.confined import IS_ROOT
from support.flow_home import FlowHome

HERE = Path(__file__).parent
PYTHON = shutil.which("python3", path="/usr/bin:/bin")
"""The system's own Python, which steps may read wherever they may read anything."""
OTHER = 12_345  # a user that nobody is


@pytest.fixture
def around(home: FlowHome, place: Path) -> Iterator[dict[str, Any]]:
    """Files, keys, programs, processes, sockets, servers; in the project, who tries to reach them.

    `attack.py` and `crossing.py` are told by `facts.json` where all of it is.
    """
    outside = place / "outside"
    outside.mkdir()
    for name in ("precious", "to-delete", "to-link", "to-move"):
        (outside / name).write_text(name)
    os.mkfifo(outside / "pipe")
    shutil.copy("/bin/true", outside / "program")
    shutil.copy("/usr/bin/id", outside / "setuid-id")
    if IS_ROOT:
        os.chown(outside / "setuid-id", OTHER, OTHER)
        (outside / "setuid-id").chmod(0o4755)
    (place / ".ssh").mkdir()
    (place / ".ssh" / "id_x").write_text("PRIVATE KEY\n")
    (place / ".netrc").write_text("TOKEN\n")
    subprocess.run(["git", "init", "-q", home.project], check=True)
    (home.project / ".flow").mkdir()
    (home.project / ".flow" / "policy.yaml").write_text("confirm: []\n")
    for name in ("attack.py", "crossing.py"):
        (home.project / name).write_text((HERE / name).read_text())
    abstract = f"flow-test-{os.getpid()}"
    victim = subprocess.Popen(["sleep", "600"], env={"SECRET": "x"})
    home.environment["SSH_AUTH_SOCK"] = str(outside / "agent.sock")
    with (
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as service,
        socket.socket(socket.AF_UNIX) as agent,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        service.bind(str(outside / "service.sock"))
        agent.bind(str(outside / "agent.sock"))
        hidden.bind(f"\0{abstract}")
        for each in (tcp, service, agent, hidden):
            each.listen(50)
        threading.Thread(target=_answer, args=(udp,), daemon=True).start()
        facts = {
            "outside": str(outside),
            "home": str(place),
            "flow_home": home.environment["FLOW_HOME"],
            "policy": f"{home.environment['FLOW_HOME']}/policy.yaml",
            "socket": f"{home.environment['FLOW_HOME']}/flowd.sock",
            "service": str(outside / "service.sock"),
            "agent": home.environment["SSH_AUTH_SOCK"],
            "abstract": abstract,
            "victim": victim.pid,
            "daemon": home.json("daemon", "start")["pid"],
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "other": OTHER,
        }
        (home.project / "facts.json").write_text(json.dumps(facts))
        yield facts
        udp.close()
    victim.kill()
    victim.wait()


def _answer(udp: socket.socket) -> None:
    while True:
        try:
            _, address = udp.recvfrom(10)
            udp.sendto(b"!", address)
        except OSError:  # closed: the test is over
            return
