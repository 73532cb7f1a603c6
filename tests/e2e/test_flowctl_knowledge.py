"""`flowctl knowledge`: what is imported is suggested, and no longer when it is removed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flow_home import FlowHome, borrowed, flow_home

ROWS = [
    {"title": "Polish the brass ornaments", "command": "polish --brass {{path/to/ornament}}"},
    {"title": "Polish the silver spoons", "command": "polish --silver '{{spoon}}'"},
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


def scripts(home: FlowHome, task: str) -> list[str]:
    answer = home.json("suggest", task)
    return [made["workflow"]["steps"][0]["run"] for made in answer["suggestions"]]


def error(home: FlowHome, *words: str, code: int) -> str:
    done = home.flowctl(*words)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_what_is_imported_is_suggested(home: FlowHome) -> None:
    (home.project / "house.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    told = home.out("knowledge", "import", "house.jsonl")
    assert told == f"house: 2 commands of {home.project}/house.jsonl\n"
    assert scripts(home, "polish the ornaments of brass")[0] == 'polish --brass "$file"'
    answer = home.json("suggest", "polish the silver spoon called 'fork'")
    best = answer["suggestions"][0]
    assert best["workflow"]["inputs"]["spoon"]["description"] == "spoon"
    assert best["workflow"]["steps"][0]["run"] == 'polish --silver "$spoon"'
    listed = home.json("knowledge", "list")
    assert listed["built_in"] > 4000
    assert [(row["name"], row["kind"], row["examples"]) for row in listed["sources"]] == [
        ("house", "json", 2)
    ]
    assert "house" in home.out("knowledge", "list")
    assert home.out("knowledge", "remove", "house") == "house is forgotten\n"
    assert "nothing fits" in error(home, "suggest", "polish the ornaments of brass", code=6)


def test_mistakes_are_told_with_their_cure(home: FlowHome) -> None:
    assert "is not there" in error(home, "knowledge", "import", "absent", code=6)
    (home.project / "x.md").write_text("nothing here")
    assert "there are no commands in" in error(home, "knowledge", "import", "x.md", code=2)
    assert "nothing was imported yet" in error(home, "knowledge", "remove", "house", code=6)
    (home.project / "house.jsonl").write_text(json.dumps(ROWS[0]))
    assert "cannot be a collection's name" in error(
        home, "knowledge", "import", "house.jsonl", "--name", " ", code=2
    )


MANUAL = r"""
.TH POLISH 1
.SH NAME
polish \- make things shine
.SH EXAMPLES
.TP
.B polish \-\-tin /srv/mug.txt
Polish a mug of tin until it shines
"""


def test_examples_of_manual_pages_are_suggested(tmp_path: Path) -> None:
    with flow_home(tmp_path) as home:
        (home.folder / "house/man1").mkdir(parents=True)
        (home.folder / "house/man1/polish.1").write_text(MANUAL)
        (home.folder / "empty/man1").mkdir(parents=True)
        home.environment["MANPATH"] = f"{home.folder}/empty:{home.folder}/house"
        told = home.out("knowledge", "import")
        assert told == f"house: 1 command of {home.folder}/house\n"
        (best, *_) = home.json("suggest", "polish the mug of tin")["suggestions"]
        assert best["explanation"] == "from polish(1): make things shine"
        assert best["workflow"]["steps"][0]["run"] == 'polish --tin "$file"'
        assert best["missing_inputs"] == ["file"]
        (listed,) = home.json("knowledge", "list")["sources"]
        assert (listed["name"], listed["kind"], listed["examples"]) == ("house", "man", 1)
        home.out("knowledge", "remove", "house")
        assert "nothing fits" in error(home, "suggest", "polish the mug of tin", code=6)
