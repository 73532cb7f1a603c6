"""A cloned repository's workflow files run nothing, and its policy counts not, until trusted."""

import json
import subprocess

import pytest

from flowproto.client import RemoteError
from support.real_daemon import real_daemon

WORKFLOW = "flow: 1\nname: theirs\nsteps:\n  - {id: a, run: touch ran}\n"


@pytest.fixture
def clone(tmp_path):
    """A checkout with a remote, and a file, a template and a policy that came with it."""
    folder = tmp_path / "clone"
    (folder / ".flow").mkdir(parents=True)
    (folder / "theirs.flow.yaml").write_text(WORKFLOW)
    (folder / ".flow" / "tpl.flow.yaml").write_text(WORKFLOW)
    (folder / ".flow" / "policy.yaml").write_text("block: [date]")
    for words in (
        ("init", "-q"),
        ("add", "."),
        ("remote", "add", "origin", "https://example.org/x"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.fixture
def daemon(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with real_daemon(home) as running:
        yield running


def test_a_file_and_a_template_run_once_their_folder_is_trusted(daemon, clone):
    (clone / "mine.flow.yaml").write_text(WORKFLOW.replace("touch ran", "true"))
    assert daemon.flowctl("run", "mine.flow.yaml", cwd=clone).returncode == 0
    for name in ("theirs.flow.yaml", "tpl"):
        refused = daemon.flowctl("run", "--yes", name, cwd=clone)
        assert refused.returncode == 5
        assert f"flowctl trust {clone}" in refused.stderr
    assert daemon.flowctl("check", "theirs.flow.yaml", cwd=clone).returncode == 0
    assert not (clone / "ran").exists()
    assert daemon.flowctl("trust", cwd=clone).returncode == 0
    daemon.kill()
    daemon.start()
    assert daemon.flowctl("run", "tpl", cwd=clone).returncode == 0
    assert (clone / "ran").exists()
    (clone / "theirs.flow.yaml").write_text(WORKFLOW + "  - {id: b, run: 'true'}\n")
    assert daemon.flowctl("run", "theirs.flow.yaml", cwd=clone).returncode == 0
    listed = json.loads(daemon.flowctl("trust", "--list", "--json").stdout)
    assert [row["path"] for row in listed["folders"]] == [str(clone)]
    assert daemon.flowctl("trust", "--revoke", str(clone)).returncode == 0
    assert daemon.flowctl("run", "theirs.flow.yaml", cwd=clone).returncode == 5
    assert daemon.flowctl("trust", "--revoke", str(clone)).returncode == 6


def test_an_editor_is_told_with_code_and_cure(daemon, clone):
    with daemon.client() as client, pytest.raises(RemoteError) as refused:
        client.request("flow/run", {"path": str(clone / "theirs.flow.yaml")})
    assert refused.value.name == "untrusted_folder"
    assert "flowctl trust" in refused.value.cure
    assert refused.value.data["folder"] == str(clone)


def test_a_projects_policy_counts_where_it_is_trusted(daemon, clone):
    def code() -> int:
        return daemon.flowctl("check", "--command", "date", cwd=clone).returncode

    assert code() == 0
    assert "not trusted" in daemon.flowctl("policy", "show", cwd=clone).stdout
    daemon.flowctl("trust", str(clone))
    assert code() == 4
    assert f"{clone}/.flow/policy.yaml" in daemon.flowctl("policy", "show", cwd=clone).stdout
