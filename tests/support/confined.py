"""Homes for tests of sandboxes: where a confined step could see them, and both ways to confine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flow_home import FLOWCTL, FlowHome, flow_home

IS_ROOT = os.geteuid() == 0
# Root without the right to mount has to make a user namespace, as everybody else has.
AS_A_USER = ["setpriv", "--bounding-set=-sys_admin,-net_raw", "--inh-caps=-all"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a confined step could see: not in /tmp, where it has one of its own."""
    folder = Path(tempfile.mkdtemp(prefix=".flow-test-", dir=Path.home()))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["plain", "user_namespace"] if IS_ROOT else ["plain"])
def home(request: pytest.FixtureRequest, place: Path) -> Iterator[FlowHome]:
    """A home whose daemon confines steps as root does, and then as any other user."""
    with flow_home(place) as home:
        if request.param == "user_namespace":
            subprocess.run(
                [*AS_A_USER, FLOWCTL, "daemon", "start"],
                env=home.environment,
                check=True,
                capture_output=True,
            )
        yield home
