"""`flow/explain` of a real daemon: commands, files, what it refuses, and that it runs nothing."""

from pathlib import Path

import pytest

from flowproto.client import RemoteError
from support.real_daemon import RealDaemon, real_daemon

PAGE = """\
.SH NAME
frob \\- frobs things
.SH OPTIONS
.TP
.BR \\-o \", \" \\-\\-out =\\fIFILE\\fR
Write to FILE.
"""
FLOW = """\
flow: 1
name: tidy
steps:
  - {id: pack, name: Pack it, run: tar -czf a.tgz src, undo: rm a.tgz, check: test -f a.tgz}
  - {id: code, shell: python, run: print(1)}
"""


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A daemon with a program `frob` on its PATH that leaves a mark when it is run."""
    (tmp_path / "usr/share/man/man1").mkdir(parents=True)
    (tmp_path / "usr/share/man/man1/frob.1").write_text(PAGE)
    (tmp_path / "usr/bin").mkdir()
    frob = tmp_path / "usr/bin/frob"
    frob.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    frob.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'usr/bin'}:/usr/bin:/bin")
    with real_daemon(tmp_path) as running:
        yield running
    assert not (tmp_path / "ran").exists()


def explained(daemon: RealDaemon, **params: object) -> dict:
    with daemon.client() as client:
        return client.request("flow/explain", params)


def test_a_command(daemon: RealDaemon, tmp_path: Path):
    answer = explained(daemon, command="frob --out=x <y && sudo rm -rf $d", cwd=str(tmp_path))
    (script,) = answer["scripts"]
    assert (answer["verdict"], script["step"], script["reversibility"]) == (
        "confirm", "", "irreversible",
    )  # fmt: skip
    assert [command["program"] for command in script["commands"]] == ["frob", "sudo", "rm"]
    assert script["commands"][0]["source"] == "frob(1)"
    assert script["commands"][0]["sentence"] == "Runs frob (frobs things)."
    said = {part["text"]: part for part in script["parts"]}
    assert said["--out=x"]["meaning"] == "Write to FILE."
    assert said["--out=x"]["span"] == [5, 12]
    assert said["<y"]["meaning"] == "reads its input from y"
    assert said["rm"]["depth"] == 1
    assert "with what $d holds" in said["$d"]["meaning"]
    assert {"kind": "privilege", "what": "sudo"} in script["effects"]
    assert script["findings"]


def test_a_workflow_with_all_its_scripts(daemon: RealDaemon, tmp_path: Path):
    (tmp_path / "tidy.flow.yaml").write_text(FLOW)
    answer = explained(daemon, path="tidy.flow.yaml", cwd=str(tmp_path))
    assert explained(daemon, text=FLOW, cwd=str(tmp_path)) == answer
    said = [(s["step"], s["script"], s["sentence"]) for s in answer["scripts"]]
    assert said == [
        ("pack", "run", "Packs src into the archive a.tgz."),
        ("pack", "check", "Looks whether there is a file a.tgz."),
        ("pack", "undo", "Deletes a.tgz."),
        ("code", "run", "Runs a Python script of 1 line."),
    ]
    assert answer["name"] == "tidy"
    assert [s.get("reversibility") for s in answer["scripts"]] == [
        "compensable", None, None, "irreversible",
    ]  # fmt: skip


def test_why_a_suggestion_was_made(daemon: RealDaemon, tmp_path: Path):
    with daemon.client() as client:
        asked = {"task": "show disk usage of this folder", "cwd": str(tmp_path)}
        row = client.request("flow/suggest", asked)["suggestions"][0]
        answer = client.request("flow/explain", {"suggestion": row["id"], "cwd": str(tmp_path)})
    found = f"offline found “{row['title']}”, score {row['score']:.2f}."
    assert answer["why"] == (row["explanation"] or found)
    assert answer["scripts"][0]["text"] == row["workflow"]["steps"][0]["run"]


def test_what_makes_no_sense_is_refused(daemon: RealDaemon):
    for params, name in (
        ({}, "invalid_input"),
        ({"command": "ls", "text": FLOW}, "invalid_input"),
        ({"command": "x" * 1_000_001}, "invalid_input"),
        ({"command": "ls", "cwd": "relative"}, "invalid_input"),
        ({"text": "flow: 1\n"}, "invalid_workflow"),
        ({"path": "/nowhere/at.flow.yaml"}, "not_found"),
        ({"suggestion": "snone"}, "not_found"),
        ({"command": 3}, "invalid_params"),
    ):
        with pytest.raises(RemoteError) as refused:
            explained(daemon, **params)
        assert refused.value.name == name, params
