"""Homes for tests of sandboxes: where a confined step could see them, and both ways to confine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowd.exec.confine import landlock_version
from support.flow_home import FLOWCTL, FlowHome, flow_home

IS_ROOT = os.geteuid() == 0
LEAST_LANDLOCK = 6  # for all the walls of a sandbox
# Root without the right to mount has to make a user namespace, as everybody else has.
AS_A_USER = ["setpriv", "--bounding-set=-sys_admin,-net_raw", "--inh-caps=-all"]

# Starts a program that may make no namespace, as in many a container: our own filter forbids it.
WITHOUT_NAMESPACES = """
import os, sys
from flowd.exec import confine
confine.drop_privileges(0b11011)
confine.filter_system_calls(any_socket=False)
os.execv(sys.argv[1], sys.argv[1:])
"""


def cannot_confine(*, in_user_namespace: bool) -> str:
    """Say what this machine lacks, as tried without any program of ours; empty when nothing."""
    if (version := landlock_version()) < LEAST_LANDLOCK:
        return f"Landlock {LEAST_LANDLOCK} is needed here, the kernel has {version}"
    prefix = AS_A_USER if IS_ROOT and in_user_namespace else []
    option = "-Urm" if in_user_namespace else "-m"
    tried = subprocess.run([*prefix, "unshare", option, "true"], capture_output=True, check=False)
    return f"no namespaces here: {tried.stderr.decode().strip()}" if tried.returncode else ""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a confined step could see: not in /tmp, where it has one of its own."""
    folder = Path(tempfile.mkdtemp(prefix=".flow-test-", dir=Path.home()))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["plain", "user_namespace"] if IS_ROOT else ["plain"])
def home(request: pytest.FixtureRequest, place: Path) -> Iterator[FlowHome]:
    """A home whose daemon confines steps as root does, and then as any other user."""
    if why := cannot_confine(in_user_namespace=request.param == "user_namespace" or not IS_ROOT):
        pytest.skip(why)
    with flow_home(place) as home:
        if request.param == "user_namespace":
            subprocess.run(
                [*AS_A_USER, FLOWCTL, "daemon", "start"],
                env=home.environment,
                check=True,
                capture_output=True,
            )
        yield home


GIT_AND_SHELL = """\
  - id: git
    run: |
      git init -q .
      git config user.name A
      git config user.email a@b
      echo one > file
      git add file
      git commit -qm one
      git stash list
      git gc -q
  - id: shell
    run: |
      scratch=$(mktemp)
      cat > "$scratch" <<END
      a here-document
      END
      grep -q here "$scratch"
      read -r first < <(echo yes)
      test "$first" = yes
      : > /dev/null
      echo said > /dev/stderr
      echo value=1 >> "$FLOW_OUTPUT"
      mkdir a && echo x > a/b && mv a c && cp -a c d && rm -r c d
    outputs: [value]
"""
"""Steps of ordinary work that no sandbox and no boundary is to be in the way of."""
