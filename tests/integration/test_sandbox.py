"""Every boundary of a sandbox, broken on purpose through the real daemon, and the control.

`tests/support/attack.py` makes the attempts. With `sandbox: off` all of them get through, so what
keeps them out otherwise is the sandbox. As root, everything is done a second time by a root that
may not mount, which is how any other user gets there: in a user namespace.
"""

import socket
from pathlib import Path

import pytest

from support.confined import home, place
from support.flow_home import FlowHome
from support.outside import PYTHON, around

__all__ = ["around", "home", "place"]

NETWORK = {"connect_by_tcp", "be_answered_by_udp"}
ONLY_ROOT_GETS_THROUGH = {"change_the_kernel", "open_a_raw_socket", "read_a_device"}

pytestmark = pytest.mark.skipif(PYTHON is None, reason="the system has no Python of its own")


def attempts(home: FlowHome, level: str, *, step: str = "") -> tuple[set[str], set[str]]:
    """Have a step try everything; give what it did and what it was kept from."""
    name = home.workflow(
        f"  - id: a\n    run: {PYTHON} attack.py facts.json\n    sandbox: {level}\n{step}"
    )
    said = home.out("run", name, "--yes")
    tried = [line.partition("| ")[2].split(": ") for line in said.splitlines() if " | " in line]
    through = {words[1] for words in tried if words[0] == "got through"}
    return through, {words[1] for words in tried if words[0] == "kept out"}


@pytest.mark.usefixtures("around")
def test_project_keeps_everything_out_but_the_network(home: FlowHome) -> None:
    through, kept_out = attempts(home, "project")
    assert through == NETWORK
    assert len(kept_out) > 30


@pytest.mark.usefixtures("around")
def test_strict_keeps_the_network_out_as_well(home: FlowHome) -> None:
    through, kept_out = attempts(home, "strict")
    assert through == set()
    assert kept_out >= NETWORK


@pytest.mark.usefixtures("around")
def test_bounds_hold_together_with_limits_and_a_terminal(home: FlowHome) -> None:
    limited, _ = attempts(home, "project", step="    limits: {processes: 5000, cpu: 1h}\n")
    assert limited == NETWORK
    on_terminal, _ = attempts(home, "strict", step="    tty: true\n")
    assert on_terminal == set()


@pytest.mark.usefixtures("around")
def test_without_a_sandbox_everything_gets_through(home: FlowHome) -> None:
    _, kept_out = attempts(home, "off")
    assert kept_out <= ONLY_ROOT_GETS_THROUGH


def test_what_the_policy_forbids_the_kernel_keeps_out_of_a_confined_step(
    home: FlowHome, place: Path
) -> None:
    """Without the policy the same script gets through; the judge cannot see into it."""
    (home.project / "out").mkdir()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        (home.project / "tries").write_text(
            'try() { if (eval "$2") 2>/dev/null; then echo $1 done; else echo $1 failed; fi; }\n'
            f"try connect ': < /dev/tcp/127.0.0.1/{port}'\n"
            "try inside 'echo x > out/file'\ntry outside 'echo x > file'\n"
        )
        file = home.workflow("  - {id: a, run: bash tries, sandbox: project}\n")
        free = home.out("run", file, "--yes")
        assert [word in free for word in ("connect done", "inside done", "outside done")] == [
            True
        ] * 3
        (Path(home.environment["FLOW_HOME"]) / "policy.yaml").write_text(
            f"network: none\nwritable: [{home.project}/out/**]\n"
        )
        bound = home.out("run", file, "--yes")
    assert f"boundaries of policy: writes only to {home.project}/out, no network" in bound
    assert "connect failed" in bound
    assert "inside done" in bound
    assert "outside failed" in bound
