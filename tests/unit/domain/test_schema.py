"""The schema for editors says what the reader does, as far as a schema can."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from msgspec.structs import fields

from flowd.domain import schema
from flowd.domain.keys import KEYS
from flowd.domain.parse import parse_workflow
from flowd.errors import InvalidWorkflow

SHIPPED = json.loads(schema.FILE.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SHIPPED)
START = "flow: 1\nname: demo\nsteps:\n- id: a\n  run: echo\n"


def test_the_shipped_file_is_up_to_date() -> None:
    assert schema.main(["--check"]) == 0
    jsonschema.Draft202012Validator.check_schema(SHIPPED)


def test_a_stale_file_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema, "FILE", tmp_path / "flow.schema.json")
    assert schema.main(["--check"]) == 1
    assert schema.main(["--write"]) == 0
    assert schema.main(["--check"]) == 0
    assert schema.main([]) == 2


def test_every_key_has_a_line_of_help() -> None:
    for struct, keys in KEYS.items():
        assert {field.encode_name for field in fields(struct)} == set(keys)


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        ("", True),
        ("  env: {A: 1.5, B: true, C: x}\n", True),
        ("  timeout: 1h30m\n  retry: {attempts: 3, delay: 2, backoff: 2}\n", True),
        ("  undo: {run: x, timeout: 5s}\n  on_error: stop\n", True),
        ("  needs: []\n  limits: {memory: 512M, processes: 3, output: 100}\n", True),
        ("inputs: {v: {type: integer, default: 3, choices: [1, 3]}}\n", True),
        ("defaults: {shell: zsh, on_interrupt: retry, sandbox: project}\n", True),
        ("  for_each: [3.10, true, x]\n  as: it\n  parallel: 4\n", True),
        ("  for_each: '[\"a\"]'\n  artifacts: [dist/*.whl]\n", True),
        ("  for_each: [[x]]\n", False),
        ("  for_each: [x]\n  parallel: 0\n", False),
        ("  artifacts: dist\n", False),
        ("  neds: [a]\n", False),
        ("  needs: a\n", False),
        ("  timeout: 3 minutes\n", False),
        ("  timeout: -3\n", False),
        ("  retry: {attempts: 0}\n", False),
        ("  retry: {attempts: 1, jitter: 2}\n", False),
        ("  tty: maybe\n", False),
        ("  undo: [x]\n", False),
        ("  shell: csh\n", False),
        ("  on_error: {gото: b}\n", False),
        ("  outputs: [a-b]\n", False),
        ("  env: {A: [x]}\n", False),
        ("nmae: x\n", False),
        ("- run: x\n", False),
        ("- {id: 1x, run: x}\n", False),
        ("inputs: {v: {type: text}}\n", False),
    ],
)
def test_schema_and_reader_agree(more: str, valid: bool) -> None:
    text = START + more
    assert VALIDATOR.is_valid(yaml.safe_load(text)) is valid
    try:
        parse_workflow(text)
    except InvalidWorkflow:
        assert not valid
    else:
        assert valid
