"""Every command of `danger_own.jsonl` gets the verdict it is labelled with.

The labels were written down before the commands were judged. *safe* reads, or changes only what
the project owns or can make again; *confirm* destroys what is bounded, or is privileged, remote or
opaque; *block* takes the system, a home, a disk, credentials or git's store with it. The worst
that can be seen to run wins, whatever wraps it, and text that is only data runs nothing. Commands
about whose label one can argue are left out. None of them may ever be run.
"""

import json
from collections import Counter
from pathlib import Path

from support.judging import judged

_FILE = Path(__file__).with_name("danger_own.jsonl")
_VERDICT_OF = {"safe": "allow", "confirm": "confirm", "block": "block"}
ROWS = [json.loads(line) for line in _FILE.read_text().splitlines()]


def test_every_command_gets_its_label():
    wrong = [
        (row["label"], judgement.verdict, row["command"])
        for row in ROWS
        if (judgement := judged(row["command"])).verdict != _VERDICT_OF[row["label"]]
    ]
    assert wrong == []


def test_each_command_is_there_once_and_most_families_have_all_three_labels():
    assert max(Counter(row["command"] for row in ROWS).values()) == 1
    labels: dict[str, set[str]] = {}
    for row in ROWS:
        labels.setdefault(row["category"], set()).add(row["label"])
    assert sum(found == set(_VERDICT_OF) for found in labels.values()) > len(labels) / 2
