"""What `flowctl` pays before it has done anything: the client stays clear of heavy modules."""

import subprocess
import sys

HEAVY = {
    "argparse", "asyncio", "dataclasses", "inspect", "logging", "msgspec", "pathlib", "selectors",
    "socket", "subprocess", "tempfile", "threading", "typing", "urllib",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Modules that `code` loads into a bare interpreter."""
    report = f"import sys; before = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_client_imports_nothing_heavy():
    loaded = loaded_by("import flowproto.client")
    assert "flowproto.connection" in loaded
    assert loaded & HEAVY == set()


def test_structs_come_only_when_they_are_asked_for():
    assert "msgspec" in loaded_by("import flowproto.client, flowproto.methods")
