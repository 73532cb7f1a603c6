"""What every judge promises: see `flowd.domain.ports.Judge`."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain.ports import VERDICT_RANK, Judge, Judgement
from flowd.safety.judge import make_judge
from support.fuzzing import examples
from support.garbage import nothing_else_in_memory

__all__ = ["nothing_else_in_memory"]

_SHELLS = st.sampled_from(["bash", "sh", "zsh", "fish", "python"])
_TEXT = (
    'rm -rf / ~ "$HOME" $x ${x:-y} ${x/a/b} $(ls) `ls` \'a b\' "a b" | || && ; & > >> < <<< << '
    "2>&1 { } ( ) [[ ]] [ ] (( )) if then else fi for in do done while case esac function f() "
    "echo eval bash -c sudo xargs find -exec {} \\; $'\\x72' {a,b} <( >( $(( EOF \n # ! * ? ~ = "
    "x=1 é 日本 \\ curl http://x python3 -e 'system(\"x\")' . source exec 3< /dev/tcp/h/1 base64 -d"
)
_PIECES = st.sampled_from(_TEXT.split(" "))
_SCRIPTS = st.one_of(
    st.text(max_size=200),
    st.lists(_PIECES, max_size=25).map(" ".join),
    st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return make_judge()


@settings(max_examples=examples(400), deadline=None)
@given(script=_SCRIPTS, shell=_SHELLS)
def test_any_text_gets_a_judgement(script, shell):
    judgement = make_judge().judge(script, shell=shell)
    assert isinstance(judgement, Judgement)
    for finding in judgement.findings:
        start, end = finding.span
        assert 0 <= start <= end <= len(script)
        assert finding.message
        assert finding.verdict != "allow"
        assert "." in finding.rule
        assert finding.rule != "judge.defect", finding


@settings(max_examples=examples(200), deadline=None)
@given(script=_SCRIPTS)
def test_the_verdict_is_the_strictest_finding(script):
    judgement = make_judge().judge(script)
    ranks = [VERDICT_RANK[finding.verdict] for finding in judgement.findings]
    assert VERDICT_RANK[judgement.verdict] == max(ranks, default=0)
    if judgement.read_only:
        assert judgement.verdict != "block"


@settings(max_examples=examples(300), deadline=None)
@given(script=st.lists(_PIECES, max_size=12).map(" ".join))
def test_a_danger_after_anything_readable_is_found(script):
    judge = make_judge()
    before = judge.judge(script)
    if before.verdict == "allow" and "<<" not in script and not script.endswith("\\"):
        assert judge.judge(f"{script}\nrm -rf /").verdict == "block"


@settings(max_examples=examples(100), deadline=None)
@given(script=_SCRIPTS)
def test_the_same_text_gets_the_same_judgement(script):
    assert make_judge().judge(script) == make_judge().judge(script)


_HOSTILE = {
    "brackets": "(" * 100_000,
    "balanced brackets": "(" * 20_000 + "ls" + ")" * 20_000,
    "substitutions": "echo " + "$(" * 5_000 + "ls" + ")" * 5_000,
    "quotes": '"' * 1_000_000,
    "single quotes": "'" * 60_000,
    "pipes": "ls|" * 100_000 + "ls",
    "short pipes": "ls|" * 10_000 + "ls",
    "ands": "ls&&" * 15_000 + "ls",
    "commands": "ls;" * 20_000,
    "backgrounds": "ls&" * 20_000,
    "arrays": "a=(" * 20_000,
    "braces": "echo " + "{a,b}" * 5_000,
    "nested braces": "echo " + "{a," * 5_000 + "}" * 5_000,
    "long range": "echo {1..1000000000}",
    "variables": "x=aa;" + "x=$x$x;" * 3_000,
    "alternatives": "".join(f"[ $a ] && x{i}=1;" for i in range(3_000)),
    "choices": "x=a;" + "[ $q ] && x=b$x;" * 500 + "$x" * 200,
    "evals": "eval " * 10_000 + "ls",
    "nested evals": "eval '" * 20 + "ls" + "'" * 20,
    "recursion": "f() { f; f; f; }; g() { f; g; g; }; f; g; g",
    "calls": "".join(f"f{i}() {{ f{i + 1}; f{i + 1}; }};" for i in range(30)) + "f0",
    "loops": "for a in 1 2; do " * 30 + "x=$a$x" + "; done" * 30,
    "cases": "case x in " + "a) ls;;" * 5_000 + "esac",
    "patterns": "x=" + "a" * 500 + "; echo ${x//*a*a*a*b/c} ${x%%*a*a*a*b}",
    "here-documents": "cat <<E\n" * 5_000,
    "comment": "#" * 60_000,
    "words": "echo " + "a " * 30_000,
    "arguments": "rm " + "a " * 30_000,
    "nul": "echo \0\0\0",
    "private characters": "\ue000\ue001 rm -rf \ue000",
    "surrogates": "echo \udc80\udcff",
    "perl": "perl -e '" + "q(" * 4_000 + "'",
    "awk": "awk '" + 'print"' * 1_300 + "'",
    "python": 'python3 -c "' + "(" * 5_000 + '"',
    "python sums": 'python3 -c "x=' + "1+" * 20_000 + '1"',
    "sql": "psql -c '" + "WITH (" * 10_000 + "'",
    "dots": "cat " + "../" * 20_000,
    "slashes": "rm " + "/" * 60_000,
    "base64": "echo " + "QUFB" * 15_000 + " | base64 -d | sh",
    "tr": "echo a | tr " + "a-z" * 10_000 + " b | sh",
    "printf": "printf '" + "%s" * 20_000 + "' a | sh",
    "xargs": "echo " + "a " * 20_000 + "| xargs rm",
    "assignments": "a=1 " * 15_000 + "ls",
    "redirects": "ls " + "> a " * 15_000,
    "environment": "env " * 10_000 + "ls",
    "sudo": "sudo " * 10_000 + "ls",
}


@pytest.mark.usefixtures("nothing_else_in_memory")
@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_text_is_answered_in_time(judge, name):
    start = time.process_time()
    judgement = judge.judge(_HOSTILE[name])
    assert time.process_time() - start < 2.5
    assert all(finding.rule != "judge.defect" for finding in judgement.findings)


@pytest.mark.parametrize("name", ["brackets", "quotes", "pipes"])
def test_what_is_too_much_to_follow_needs_agreement(judge, name):
    assert judge.judge(_HOSTILE[name]).verdict == "confirm"


def test_too_long_a_text_is_not_let_by(judge):
    assert judge.judge("ls\n" * 50_000).verdict == "confirm"
    assert judge.judge("ls # " + "x" * 200_000 + "\nrm -rf /").verdict != "allow"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", True),
        ("# nothing", True),
        ("ls -l", True),
        ("cat a b | grep x | sort | uniq -c", True),
        ("git status && git diff", True),
        ("git log --oneline > /dev/null 2>&1", True),
        ("find . -name '*.py'", True),
        ("bash -c 'ls'", True),
        ('for f in *.py; do wc -l "$f"; done', True),
        ("x=$(git rev-parse HEAD); echo $x", True),
        ("cat .env", True),
        ("kubectl get pods", True),
        ("git commit -m x", False),
        ("ls > files.txt", False),
        ("ls | tee files.txt", False),
        ("touch x", False),
        ("make", False),
        ("unknown-program", False),
        ("find . -delete", False),
        ("sed -i s/a/b/ x", False),
        ("bash -c 'touch x'", False),
        ("git branch new", False),
        ("./script", False),
        ("ls; rm x", False),
        ("$x", False),
        ("echo $(touch x)", False),
    ],
)
def test_read_only_means_nothing_changes(judge, script, expected):
    assert judge.judge(script).read_only is expected


def test_every_shell_is_judged(judge):
    for shell in ("bash", "sh", "zsh", "fish"):
        assert judge.judge("rm -rf /", shell=shell).verdict == "block"
    assert judge.judge("import shutil; shutil.rmtree('/')", shell="python").verdict == "block"


def test_findings_are_ordered_strictest_first(judge):
    judgement = judge.judge("rm a.txt; sudo ls; rm -rf /")
    verdicts = [finding.verdict for finding in judgement.findings]
    assert verdicts == sorted(verdicts, key=VERDICT_RANK.__getitem__, reverse=True)
