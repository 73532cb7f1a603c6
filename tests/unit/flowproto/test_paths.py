"""Both ends find the same socket, and the kernel takes its path."""

import os
from pathlib import Path

import pytest

from flowproto.paths import find_paths
from flowproto.socketpath import SOCKET_PATH_LIMIT, find_socket


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("FLOW_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_flow_home_holds_everything(monkeypatch, tmp_path):
    monkeypatch.setenv("FLOW_HOME", str(tmp_path))
    paths = find_paths()
    assert paths.socket == tmp_path / "flowd.sock" == Path(find_socket())
    assert all(tmp_path in path.parents for path in paths if path != tmp_path)


@pytest.mark.parametrize("given", ["relative/home", "relative/home/", "./relative/home"])
def test_a_relative_flow_home_is_in_the_current_folder(monkeypatch, tmp_path, given):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOW_HOME", given)
    assert find_paths().socket == tmp_path / "relative/home/flowd.sock"


def test_a_tilde_in_flow_home_is_the_users_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FLOW_HOME", "~/flow")
    assert find_paths().socket == tmp_path / "flow/flowd.sock"
    assert find_paths().database == tmp_path / "flow/flow.db"


def test_without_flow_home_the_xdg_folders_are_used(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    paths = find_paths()
    assert paths.socket == tmp_path / "run/flow/flowd.sock"
    assert paths.database == tmp_path / "state/flow/flow.db"
    assert paths.policy == tmp_path / "config/flow/policy.yaml"


def test_without_a_runtime_folder_there_is_a_private_one(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # nobody who ever logged in
    assert find_socket() == "/tmp/flow-runtime-4000000000/flow/flowd.sock"


def test_a_shell_that_was_not_told_finds_the_runtime_folder_of_the_login(monkeypatch):
    mine = os.stat_result((0o40700, 0, 0, 1, os.getuid(), 0, 0, 0, 0, 0))
    monkeypatch.setattr(os, "stat", {f"/run/user/{os.getuid()}": mine}.__getitem__)
    assert find_socket() == f"/run/user/{os.getuid()}/flow/flowd.sock"


def test_somebody_elses_runtime_folder_is_not_taken(monkeypatch):
    theirs = os.stat_result((0o40700, 0, 0, 1, os.getuid() + 1, 0, 0, 0, 0, 0))
    monkeypatch.setattr(os, "stat", {f"/run/user/{os.getuid()}": theirs}.__getitem__)
    assert find_socket() == f"/tmp/flow-runtime-{os.getuid()}/flow/flowd.sock"


def test_relative_xdg_folders_are_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = find_paths()
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, "relative")
    assert find_paths() == usual


def test_a_path_too_long_for_the_kernel_becomes_a_short_one_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    found = []
    for name in ("a" * 120, "b" * 120, "ü" * 60):
        monkeypatch.setenv("FLOW_HOME", f"/{name}")
        found.append(find_socket())
    assert all(len(os.fsencode(path)) <= SOCKET_PATH_LIMIT for path in found)
    assert len(set(found)) == 3
    assert all(path.startswith("/run/user/1/flow/") for path in found)


def test_a_path_of_exactly_the_limit_stays(monkeypatch):
    monkeypatch.setenv("FLOW_HOME", "/" + "a" * (SOCKET_PATH_LIMIT - len("//flowd.sock")))
    assert len(find_socket()) == SOCKET_PATH_LIMIT
    assert find_socket().endswith("/flowd.sock")
