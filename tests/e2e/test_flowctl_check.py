"""`flowctl check` on scripts, CI files, diffs, in text, JSON and SARIF."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from support.flow_home import FlowHome, borrowed, flow_home

SCRIPT = "#!/bin/bash\nset -e\necho ok\nrm -rf /\nsudo ls\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


@pytest.fixture
def script(home: FlowHome) -> str:
    (home.project / "tidy.sh").write_text(SCRIPT)
    return "tidy.sh"


def test_a_script_is_judged_line_by_line(home: FlowHome, script: str) -> None:
    text = home.out("check", script, code=4)
    assert "tidy.sh:4:8: block: Deletes the whole machine (/). [files.delete-root]" in text
    assert "tidy.sh:5:1: confirm: " in text
    assert text.splitlines()[-1] == "1 file, 1 script, 2 findings"
    answer = home.json("check", script, code=4)
    assert (answer["kind"], answer["verdict"], answer["scripts"]) == ("shell", "block", 1)
    first = answer["findings"][0]
    assert [first[key] for key in ("line", "column", "end_line", "end_column")] == [4, 8, 4, 9]


def test_files_of_other_kinds(home: FlowHome) -> None:
    (home.project / "Makefile").write_text("all:\n\techo x\nclean:\n\t@sudo rm x\n")
    assert "Makefile:4:3: confirm" in home.out("check", "Makefile", code=5)
    (home.project / "package.json").write_text('{"scripts": {"test": "jest"}}')
    assert home.out("check", "package.json") == "1 file, 1 script, 0 findings\n"
    (home.project / "notes.txt").write_text("hello")
    refused = home.flowctl("check", "notes.txt")
    assert refused.returncode == 2
    assert "Dockerfile" in refused.stderr


def git(home: FlowHome, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    ran = subprocess.run(
        ["git", *who, *words], cwd=home.project, check=True, capture_output=True, text=True
    )
    return ran.stdout


def test_only_what_a_diff_adds_is_found(home: FlowHome, script: str) -> None:
    git(home, "init")
    git(home, "add", ".")
    git(home, "commit", "-m", "1")
    assert home.out("check", "--diff", "HEAD") == "0 files, 0 scripts, 0 findings\n"
    (home.project / script).write_text(SCRIPT.replace("echo ok", "echo ok\nsu -c ls"))
    (home.project / "notes.txt").write_text("rm -rf /\n")
    git(home, "add", ".")
    text = home.out("check", "--diff", "HEAD", code=5)
    assert text.startswith("tidy.sh:4:1: confirm: ")
    assert text.splitlines()[-1] == "1 file, 1 script, 1 finding"
    assert home.out("check", "-", input=git(home, "diff", "HEAD"), code=5) == text
    assert "no-such" in home.flowctl("check", "--diff", "no-such").stderr


def test_sarif(home: FlowHome, script: str) -> None:
    """Valid by the parts of SARIF 2.1.0 that code hosts ask for, as its specification has them."""
    file = home.workflow("  - {id: a, run: sudo ls}\n")
    for arguments, code, count in (
        ((script,), 4, 2),
        ((file,), 5, 1),
        (("--command", "sudo ls"), 5, 1),
    ):
        log = json.loads(home.out("check", *arguments, "--format", "sarif", code=code))
        jsonschema.validate(log, SARIF)
        results = log["runs"][0]["results"]
        assert len(results) == count
        rules = log["runs"][0]["tool"]["driver"]["rules"]
        assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in results)
    assert home.flowctl("check", script, "--format", "xml").returncode == 2


def _object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 1}
_REGION = _object(startLine=_COUNT, startColumn=_COUNT, endLine=_COUNT, endColumn=_COUNT)
_PHYSICAL = _object(artifactLocation=_object(uri=_TEXT), region=_REGION)
_RESULT = _object(
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level={"enum": ["none", "note", "warning", "error"]},
    message=_object(text=_TEXT),
    locations={"type": "array", "minItems": 1, "items": _object(physicalLocation=_PHYSICAL)},
)
_DRIVER = _object(name=_TEXT, version=_TEXT, rules={"type": "array", "items": _object(id=_TEXT)})
SARIF = _object(
    version={"const": "2.1.0"},
    runs={
        "type": "array",
        "items": _object(
            tool=_object(driver=_DRIVER),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            results={"type": "array", "items": _RESULT},
        ),
    },
)
