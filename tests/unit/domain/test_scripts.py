"""Shell text in files of other kinds: found, and every character where it stands in the file."""

import pytest

from flowd.domain.scripts import kind_of, scripts_in
from flowd.errors import InvalidInput

FILES = {
    "workflow": """\
flow: 1
name: w
steps:
  - id: build
    run: |
      make all
      BAD x
    undo: {run: BAD y}
  - {id: py, shell: python, run: "BAD = 1"}
  - {id: q, run: 'echo; BAD z'}
""",
    "shell": "#!/bin/sh\necho hi\nBAD x\n",
    "github": """\
on: push
jobs:
  test:
    steps:
      - uses: actions/checkout@v4
      - name: Build
        run: |
          make
          BAD x
      - run: BAD y
      - {shell: pwsh, run: BAD z}
""",
    "gitlab": """\
before_script: [echo a]
test:
  script:
    - echo b
    - - BAD x
""",
    "make": """\
NAME = x
all: dep
\t@echo $(NAME) && \\
\t  BAD $$HOME
# \tBAD comment
.PHONY: all
""",
    "docker": """\
FROM x
RUN --mount=type=cache,target=/c apt-get update && \\
    # a comment
    BAD y
RUN ["BAD", "z w"]
RUN <<EOF
BAD u
EOF
COPY BAD /
""",
    "npm": '{\n  "name": "x",\n  "scripts": {"test": "jest && BAD x"}\n}\n',
}
NAMES = {
    "workflow": "a/b.flow.yaml",
    "shell": "bin/run",
    "github": "x/.github/workflows/ci.yml",
    "gitlab": ".gitlab-ci.yml",
    "make": "sub/Makefile",
    "docker": "Dockerfile.dev",
    "npm": "package.json",
}
SAFE = {"workflow": 1, "github": 1, "make": 1, "docker": 1}  # BADs that are in no shell's text


@pytest.mark.parametrize("kind", FILES)
def test_every_script_is_found_and_stands_where_it_stands(kind):
    text = FILES[kind]
    assert kind_of(NAMES[kind], text) == kind
    lines = text.split("\n")
    found = 0
    for script in scripts_in(kind, text):
        for offset in range(len(script.text)):
            if script.text.startswith("BAD", offset):
                place = script.place_of(offset)
                assert lines[place.line - 1][place.column - 1 :].startswith("BAD"), script
                found += 1
    assert found == text.count("BAD") - SAFE.get(kind, 0)


def test_scripts_are_named():
    names = {
        kind: [script.name for script in scripts_in(kind, text)] for kind, text in FILES.items()
    }
    assert names["workflow"] == ["build", "build, undo", "q"]
    assert names["github"] == ["test: Build", "test: step 3"]
    assert names["gitlab"] == ["before_script", "test, script", "test, script"]
    assert names["make"] == ["all"]
    assert names["npm"] == ["test"]


def test_makes_variables_become_the_shells():
    [script] = scripts_in("make", "a:\n\trm -rf $(DIR)/x $$y\n")
    assert script.text == "rm -rf ${DIR}/x $y\n"


def test_what_a_makefile_sets_is_known_to_its_recipes():
    text = "VENV := .venv\nBIN = $(VENV)/bin # here\nX != date\nY := $(shell pwd)\na:\n\t$(BIN)/x\n"
    [script] = scripts_in("make", text)
    assert script.before == 'VENV=".venv"\nBIN="${VENV}/bin"\n'
    assert script.text == "${BIN}/x\n"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("notes.txt", "hello", "nobody knows where the shell text of notes.txt is"),
        ("data.yml", "a: 1", "nobody knows where"),
    ],
)
def test_other_files_are_refused_with_the_kinds_that_are_known(name, text, problem):
    with pytest.raises(InvalidInput, match=problem) as refused:
        kind_of(name, text)
    assert "Makefile" in refused.value.cure


@pytest.mark.parametrize("kind", ["workflow", "github", "gitlab", "npm"])
def test_a_broken_file_is_refused_with_its_place(kind):
    with pytest.raises(InvalidInput, match="line 2"):
        scripts_in(kind, "a: 1\n b: [\n")
    assert scripts_in(kind, "") == []
    assert scripts_in(kind, "[1, 2]") == []
