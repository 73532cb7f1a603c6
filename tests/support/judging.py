"""Judging many commands in one test module: each case is a command and the verdict it must get."""

from collections.abc import Iterable

import pytest

from flowd.domain.ports import Judgement, Verdict
from flowd.safety.judge import make_judge

_JUDGE = make_judge()
Case = tuple[Verdict, str]


def judged(command: str, *, cwd: str | None = None) -> Judgement:
    """Judge a bash script."""
    judgement = _JUDGE.judge(command, cwd=cwd)
    assert all(finding.rule != "judge.defect" for finding in judgement.findings), command
    return judgement


def rules_of(command: str) -> set[str]:
    """The rules that had something to say."""
    return {finding.rule for finding in judged(command).findings}


def cases(*, allow: str = "", confirm: str = "", block: str = "") -> Iterable[object]:
    """Make pytest parameters of three lists of commands, one a line (`\\n` is a line break)."""
    texts: list[Case] = [
        *(("allow", line) for line in _lines(allow)),
        *(("confirm", line) for line in _lines(confirm)),
        *(("block", line) for line in _lines(block)),
    ]
    return [
        pytest.param(verdict, command, id=f"{verdict}: {command[:60]}")
        for verdict, command in texts
    ]


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line.replace("\\n", "\n") for line in lines if line]
