"""Nasty shell, grown at random: the judge neither fails nor hangs, and sees what runs in it.

`FLOW_FUZZ_EXAMPLES=20000` looks longer; `make fuzz` does.
"""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowd.domain.ports import VERDICT_RANK
from flowd.safety.judge import make_judge
from support.garbage import nothing_else_in_memory

__all__ = ["nothing_else_in_memory"]
pytestmark = [
    pytest.mark.usefixtures("nothing_else_in_memory"),
    # Some scripts are long, and are meant to be.
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]

LONGEST_CHARACTERS = 300_000  # repetitions of repetitions would fill the memory
LONGEST_SECONDS = 2.5  # of CPU time, while coverage is measured as well
EXAMPLES = int(os.environ.get("FLOW_FUZZ_EXAMPLES", "200"))
UNSURE = VERDICT_RANK["confirm"]

_fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

_words = st.one_of(
    st.sampled_from(
        [
            "rm",
            "-rf",
            "/",
            "~",
            "echo",
            "sudo",
            "bash",
            "-c",
            "eval",
            "xargs",
            "find",
            "-exec",
            "{a,b}",
            "{1..9999999}",
            "$x",
            "${x@P}",
            "${x:-$y}",
            "*",
            "**/",
            "$'\\x72m'",
            "a=(",
            ")",
            "[[",
            "]]",
            "((",
            "))",
            "<<E",
            "<<<",
            "case",
            "esac",
            "for",
            "done",
            "'",
            '"',
            "`",
            "$(",
            "${",
            "|",
            "&&",
            ";",
            "&",
            ">",
            "2>&1",
        ]
    ),
    st.sampled_from(["\\\n", "E\n", "\0", "\u202e", "\ud800"]),
    st.text(max_size=6),
)
_flat = st.lists(_words, max_size=8).map(" ".join)


def _around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    frames = st.sampled_from(
        [
            ("$(", ")"),
            ("`", "`"),
            ("bash -c '", "'"),
            ('sh -c "', '"'),
            ("eval ", ""),
            ("bash <<'E'\n", "\nE\n"),
            ("cat <<E | sh\n", "\nE\n"),
            ("for i in a b; do ", "; done"),
            ("f() { ", "; }; f"),
            ("if x; then ", "; fi"),
            ("{ ", "; } | cat"),
            ("echo ${x:-", "}"),
            ("python3 -c '", "'"),
            ("diff <(", ") <(:)"),
            ("trap '", "' EXIT"),
        ]
    )
    wrapped = st.tuples(frames, inner).map(lambda both: both[0][0] + both[1] + both[0][1])
    several = st.lists(inner, min_size=2, max_size=3).map("; ".join)
    repeated = st.tuples(inner, st.integers(2, 200)).map(
        lambda both: both[0] * min(both[1], LONGEST_CHARACTERS // (len(both[0]) + 1) + 1)
    )
    return st.one_of(wrapped, several, repeated)


_scripts = st.recursive(_flat, _around, max_leaves=12)


@pytest.mark.parametrize("shell", ["bash", "sh", "python"])
@_fuzzed
@given(script=_scripts)
def test_no_shell_is_too_nasty(shell, script):
    started = time.process_time()
    judgement = make_judge().judge(script, shell=shell)
    assert time.process_time() - started < LONGEST_SECONDS
    assert "judge.defect" not in {finding.rule for finding in judgement.findings}


# What runs its content at once, whatever stands around it.
_RUNNING = [
    ("{ ", "; }"),
    ("( ", " )"),
    ("x=$(", ")"),
    ("if true; then ", "; fi"),
    ("bash <<'END'\n", "\nEND\n"),
    ("f() { ", "; }; f"),
    ("for i in a; do ", "; done"),
    ("cat <(", ")"),
]


@_fuzzed
@given(st.lists(st.sampled_from(_RUNNING), max_size=25))
def test_a_danger_is_seen_however_deep_it_lies(frames):
    script = "rm -rf ~"
    for before, after in frames:
        script = before + script + after
    assert VERDICT_RANK[make_judge().judge(script).verdict] >= UNSURE, script


HOSTILE = {
    "nested braces": "echo " + "{a," * 3000 + "b" + "}" * 3000,
    "products of braces": "rm " + "{a,b}" * 40,
    "open here-documents": "cat <<A " * 5000,
    "shells reading each other": "bash <<A\n" * 1000,
    "wrappers": "sudo " * 5000 + "rm -rf x",
    "doubled values": "a=xx;" + "a=$a$a;" * 40 + "rm $a",
    "unknown branches": "".join(f"if x; then a{i}=1; else a{i}=2; fi\n" for i in range(200))
    + "rm "
    + "".join(f"$a{i}" for i in range(200)),
    "a tree of calls": "".join(f"f{i}() {{ f{i + 1}; f{i + 1}; }};" for i in range(30))
    + "f30() { rm x; }; f0",
    "a python sum": "python3 -c 'x=" + "1+" * 20000 + "1'",
    "a megabyte of NUL": "\0" * 1_000_000,
    "a megabyte of quotes": "'" * 1_000_000,
    "a megabyte of unicode": "rm \u202e\U0001f4a9" * 250_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_time(name):
    started = time.process_time()
    judgement = make_judge().judge(HOSTILE[name])
    assert time.process_time() - started < LONGEST_SECONDS
    assert "judge.defect" not in {finding.rule for finding in judgement.findings}
    if name != "nested braces":  # echo's words are data
        assert judgement.verdict != "allow"
