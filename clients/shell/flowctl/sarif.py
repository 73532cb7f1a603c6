"""Findings as SARIF 2.1.0, which code hosts and editors show beside the lines they are about."""

from __future__ import annotations

from flowctl import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"block": "error", "confirm": "warning", "allow": "note"}


def sarif(scanned: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Make one log of the answers of `flow/scan`."""
    results = [
        _result(answer["path"], finding) for answer in scanned for finding in answer["findings"]
    ]
    rules = sorted({result["ruleId"] for result in results})
    driver = {
        "name": "flowctl",
        "version": __version__,
        "rules": [{"id": rule, "name": rule} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [{**each, "ruleIndex": rules.index(each["ruleId"])} for each in results],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(path: str, finding: dict[str, Any]) -> dict[str, Any]:
    from urllib.parse import quote

    text = finding["message"]
    if finding["safer"]:
        text += f" Safer: {finding['safer']}"
    region = {
        "startLine": finding["line"],
        "startColumn": finding["column"],
        "endLine": finding["end_line"],
        "endColumn": finding["end_column"],
    }
    location = {"artifactLocation": {"uri": quote(path)}, "region": region}
    return {
        "ruleId": finding["rule"],
        "level": _LEVELS[finding["verdict"]],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
