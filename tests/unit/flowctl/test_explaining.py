"""An explanation is printed as the golden file says. `FLOW_UPDATE_GOLDEN=1` writes it anew."""

import os
from typing import Any

import pytest

from flowctl.explaining import explanation_lines
from flowctl.text import width
from support.recorded_runs import GOLDEN, FixedConsole

SCRIPT = "tar -xzf a.tgz | frob -q"


def part(text: str, kind: str, meaning: str, depth: int = 0) -> dict[str, Any]:
    start = SCRIPT.index(text)
    span = [start, start + len(text)]
    return {"span": span, "text": text, "kind": kind, "meaning": meaning, "depth": depth}


ANSWER: dict[str, Any] = {
    "verdict": "confirm",
    "name": "unpack",
    "why": "because you asked",
    "scripts": [
        {
            "step": "a",
            "script": "run",
            "name": "Unpack",
            "text": SCRIPT,
            "sentence": "Unpacks the archive a.tgz, then from that runs frob.",
            "verdict": "confirm",
            "reversibility": "irreversible",
            "complete": False,
            "commands": [
                {"span": [0, 14], "program": "tar", "sentence": "Unpacks.", "source": "tar(1)"},
                {"span": [17, 24], "program": "frob", "sentence": "Runs frob."},
            ],
            "parts": [
                part("tar", "program", "an archiving utility"),
                part("-x", "option", "Extract files."),
                part(
                    "z", "option", "Filter the archive through gzip, which is a program that packs."
                ),
                part("f a.tgz", "option", "Use the archive."),
                part("|", "operator", "passes it on"),
                part("frob", "program", ""),
                part("-q", "option", "", depth=1),
            ],
            "findings": [
                {"rule": "x.y", "verdict": "confirm", "message": "Be careful.", "span": [0, 3]}
            ],
            "effects": [{"kind": "writes", "what": "."}, {"kind": "unknown", "what": "frob"}],
        },
        {"step": "a", "script": "undo", "text": "", "sentence": "", "verdict": "allow"},
    ],
}


@pytest.mark.parametrize(
    ("name", "console"),
    [
        ("wide", FixedConsole(100, 24)),
        ("narrow", FixedConsole(44, 24)),
        ("plain", FixedConsole(100, 24, unicode=False)),
        ("colour", FixedConsole(100, 24, colour=True)),
    ],
)
def test_it_looks_as_it_should(name: str, console: FixedConsole) -> None:
    lines = explanation_lines(ANSWER, console)
    assert all(width(line) <= console.columns for line in lines)
    path = GOLDEN / f"explain-{name}.txt"
    text = "".join(f"{line}\n" for line in lines)
    if os.environ.get("FLOW_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_nothing_of_it_moves_the_cursor() -> None:
    script = {**ANSWER["scripts"][1], "text": "echo \x1b[2Ja\nb", "sentence": "S\x1b[2J\x07."}
    evil = {"span": [0, 4], "text": "e\x1b[2J", "kind": "program", "meaning": "m\x1b]0;t\x07"}
    answer = {"verdict": "allow", "scripts": [{**script, "parts": [evil]}], "name": "\x1bc"}
    assert not any(
        "\x1b" in line or "\x07" in line for line in explanation_lines(answer, FixedConsole(80, 24))
    )
