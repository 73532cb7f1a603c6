"""The YAML that `flowctl` writes says exactly what it was given, to a parser that is not ours."""

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowctl.workflow_yaml import to_yaml

_SHELLISH = st.text(alphabet=" \t\n:#-'\"{}[]&*!|>%@`,?=~$\\abcy01.é漢🙂\u2028\u0085\x7f\ufeff")
_TEXT = st.one_of(st.text(st.characters(codec="utf-8")), _SHELLISH)
_SCALAR = st.one_of(_TEXT, st.booleans(), st.integers(), st.floats(allow_nan=False), st.none())
_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,12}", fullmatch=True)
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.one_of(
        st.lists(_SCALAR, max_size=3),
        st.lists(_NAME, max_size=3),
        st.dictionaries(_TEXT, inner, max_size=3),
    ),
    max_leaves=8,
)
_STEP = st.fixed_dictionaries(
    {"id": _NAME, "run": _TEXT},
    optional={
        "undo": _VALUE,
        "needs": st.lists(_NAME),
        "if": _TEXT,
        "env": st.dictionaries(_NAME, _TEXT),
    },
)
_WORKFLOW = st.fixed_dictionaries(
    {"flow": st.just(1), "name": _TEXT, "steps": st.lists(_STEP, min_size=1, max_size=3)},
    optional={"description": _TEXT, "inputs": st.dictionaries(_NAME, _VALUE), "cwd": _TEXT},
)


@settings(max_examples=120, deadline=None)
@given(_WORKFLOW)
@example({"flow": 1, "name": "n", "steps": [{"id": "a", "run": "#!/bin/sh\necho\n"}]})
@example({"flow": 1, "name": "no", "steps": [{"id": "a", "run": "a\n\n  b \n\n\n"}]})
@example({"flow": 1, "name": "..", "steps": [{"id": "a", "run": ". env"}]})
@example({"flow": 1, "name": "=", "steps": [{"id": "a", "run": "<<"}]})
def test_reading_it_back_gives_the_same(workflow: dict[str, Any]) -> None:
    assert yaml.safe_load(to_yaml(workflow)) == workflow


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "null",
        "~",
        "1",
        "0x1f",
        "1_000",
        "1:30",
        "2020-01-01",
        ".5",
        "1e3",
        "",
        " a",
        "a ",
        "a: b",
        "a #b",
        "- a",
        "? a",
        "%a",
        "@a",
        "`a`",
        "'a'",
        "{a}",
        "!a",
        "&a",
        "*a",
        "|",
        ">",
        "...",
        "---",
        "e1",
        "inf",
        ".inf",
        "nan",
    ],
)
def test_text_stays_text(text: str) -> None:
    workflow = {"flow": 1, "name": text, "steps": [{"id": "a", "run": text}]}
    assert yaml.safe_load(to_yaml(workflow)) == workflow


def test_a_usual_workflow_reads_as_a_person_would_write_it() -> None:
    workflow = {
        "steps": [
            {"run": "pytest -q", "id": "test", "retry": {"attempts": 3, "delay": "2s"}},
            {
                "undo": 'git tag -d "v$version"',
                "id": "tag",
                "needs": ["test"],
                "run": 'git tag "v$version"',
                "if": 'inputs.version != ""',
            },
            {"id": "note", "needs": [], "run": "set -e\n\nfor f in *.md; do\n\techo $f\ndone\n"},
        ],
        "name": "release",
        "flow": 1,
        "description": "Build: tag and push",
        "inputs": {"version": {"type": "string", "pattern": r"^\d+$"}},
    }
    assert to_yaml(workflow) == (
        "flow: 1\n"
        "name: release\n"
        'description: "Build: tag and push"\n'
        "inputs:\n"
        "  version:\n"
        "    type: string\n"
        '    pattern: "^\\\\d+$"\n'
        "steps:\n"
        "  - id: test\n"
        "    run: pytest -q\n"
        "    retry:\n"
        "      attempts: 3\n"
        "      delay: 2s\n"
        "  - id: tag\n"
        "    needs: [test]\n"
        '    if: inputs.version != ""\n'
        '    run: git tag "v$version"\n'
        '    undo: git tag -d "v$version"\n'
        "  - id: note\n"
        "    needs: []\n"
        "    run: |\n"
        "      set -e\n"
        "\n"
        "      for f in *.md; do\n"
        "      \techo $f\n"
        "      done\n"
    )
