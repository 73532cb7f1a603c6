"""Whatever bash runs, the judge has looked at: harmless random scripts, run for real.

The scripts call only `say`, a function that notes its arguments, and the shell's own commands.
Every call that bash makes must be among the calls the judge asked its rules about, where what the
judge could not know may be anything.
"""

import os
import re
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowd.safety.judge import make_judge
from flowd.safety.policy.layers import Ruling
from flowd.safety.value import UNKNOWN

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

_PRELUDE = 'say() { printf "%s\\0" "$@" >> "$LOG"; printf "\\1" >> "$LOG"; }; export -f say\n'


_CHANNEL = re.compile(r"/dev/fd/[\w-]+")


class _Recorder:
    """Stands where a policy does and notes the calls of `say`."""

    def __init__(self):
        self.calls = []

    bounded = ()

    def judge(self, command, folder):
        if command.name == "say":
            call = "".join(f"{argument.text}\0" for argument in command.arguments) or "\0"
            self.calls.append(_CHANNEL.sub("channel", call))
        return Ruling()


def _in_backticks(text):
    """Text as it must be written between backticks."""
    return text.replace("\\", "\\\\").replace("`", "\\`")


_names = st.sampled_from(["x", "y", "z"])
_plain = st.sampled_from(["a", "b", "ab", "-c", "d.e", "abab", "A", "1", "'a  b'", '"a b"', "''"])
_words = st.deferred(
    lambda: st.one_of(
        _plain,
        _plain,
        _names.map(lambda n: f"${n}"),
        _names.map(lambda n: f'"${n}"'),
        _names.map(lambda n: f'"a${{{n}}}b c"'),
        st.tuples(
            st.sampled_from(["${%s%s}", '"${%s%s}"']),
            _names,
            st.sampled_from(
                [
                    ":-d",
                    "-d",
                    ":+e",
                    "+e",
                    ":=f",
                    "=g",
                    "#a",
                    "##*a",
                    "%b",
                    "%%b*",
                    "/a/q",
                    "//a",
                    "/#a/r",
                    "/%b/s",
                    ":1",
                    ":0:1",
                    ": -1",
                    "^^",
                    ",,",
                    "^",
                    "@U",
                    ":-$y",
                ]
            ),
        ).map(lambda t: t[0] % (t[1], t[2])),
        _names.map(lambda n: f"\"${{{n}:+'p q'}}\""),  # without quotes the judge splits once more
        _names.map(lambda n: f"${{#{n}}}"),
        _words.map(lambda w: f"$(echo {w})"),
        _words.map(lambda w: f'"$(printf %s {w})"'),
        _names.map(lambda n: f"`echo ${n}`"),
        _words.map(lambda w: f"`echo {_in_backticks(w)}`"),
        _words.map(lambda w: f"${{x:-{w}}}"),
        st.sampled_from(
            [
                "{a,b}",
                "p{c,d}q",
                "{1..3}",
                "a\\ b",
                "r\\\nm",
                "$'\\x61\\tb'",
                '"\\$x"',
                "\\$x",
                "$((1+2*3))",
                '"$@"',
                "$1",
                "$*",
                "~",
                "a~",
                '"${arr[@]}"',
                "${arr[1]}",
                "$(( x + 1 ))",
                "a{b",
                "#c",
                "\"a\"'b'c",
                "${!x}",
                '"$(say inner)"',
                "<(say side)",
                '"$(cat <<< here)"',
                "é",
            ]
        ),
    )
)
_some_words = st.lists(_words, min_size=1, max_size=3).map(" ".join)
_conditions = st.sampled_from(
    [
        "true",
        "false",
        "! true",
        "[ a = a ]",
        "[ a = b ]",
        '[ "$x" = a ]',
        "[[ $x == a* ]]",
        "((1))",
        "((0))",
        "say if",
        "[ -n x ]",
        "test x",
    ]
)
_simple = st.one_of(
    _some_words.map(lambda w: f"say {w}"),
    _some_words.map(lambda w: f"say {w}"),
    st.tuples(_names, _words).map(lambda t: f"{t[0]}={t[1]}"),
    st.tuples(_names, _words).map(lambda t: f"{t[0]}+={t[1]}"),
    st.tuples(_names, _words).map(lambda t: f"export {t[0]}={t[1]}"),
    st.tuples(_names, _words, _some_words).map(lambda t: f"{t[0]}={t[1]} say {t[2]}"),
    _names.map(lambda n: f"unset {n}"),
    _some_words.map(lambda w: f"set -- {w}"),
    _some_words.map(lambda w: f"arr=({w})"),
    _some_words.map(lambda w: f"arr+=({w})"),
    st.tuples(_names, _words).map(lambda t: f"read -r {t[0]} <<< {t[1]}"),
    st.tuples(_names, _words).map(lambda t: f"printf -v {t[0]} %s {t[1]}"),
    _words.map(lambda w: f"eval say {w}"),
    _words.map(lambda w: f"eval 'say $x' {w}"),
    _words.map(lambda w: f"bash -c 'say \"$1\" $x' _ {w}"),
    _words.map(lambda w: f'echo {w} | while read -r y; do say "$y"; done'),
    _words.map(lambda w: f"say {w} > /dev/null 2>&1"),
    _words.map(lambda w: f"say <<END {w}\nhere $x\nEND"),
    _words.map(lambda w: f'x=$(cat <<-END\n\t{w} `say inside`\n\tEND\n); say "$x"'),
    _words.map(lambda w: f'x=$(cat <<END\n$y text\nEND\n); say "$x" {w}'),
    _words.map(lambda w: f"command say {w}; builtin eval say b"),
    st.sampled_from(
        [
            "shift",
            "say $#",
            "local x=1",
            "readonly z=q",
            "IFS=a",
            "cd /",
            "f q",
            "trap 'say bye' EXIT",
            "say $x\\\nb",
            "say a # say b",
            "say a\n\\say b",
            "time say t",
            ": ${x:=dflt}",
            "! say no",
            "alias say2=say",
            "echo 'say file' > f; . ./f",
            "say a &\nwait",
        ]
    ),
)


def _compound(inner):
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("\n".join),
        st.lists(inner, min_size=2, max_size=3).map("; ".join),
        st.tuples(inner, inner).map(lambda t: f"{{ {t[0]}\n}} && {{ {t[1]}\n}}"),
        st.tuples(inner, inner).map(lambda t: f"{{ {t[0]}\n}} || {{ {t[1]}\n}}"),
        inner.map(lambda a: f"( {a}\n)"),
        st.tuples(_conditions, inner, inner).map(
            lambda t: f"if {t[0]}; then\n{t[1]}\nelse\n{t[2]}\nfi"
        ),
        st.tuples(_conditions, inner, inner).map(lambda t: f"{t[0]} && say y || say n\n{t[1]}"),
        st.tuples(_names, _some_words, inner).map(
            lambda t: f"for {t[0]} in {t[1]}; do\n{t[2]}\ndone"
        ),
        st.tuples(_words, inner, inner).map(
            lambda t: f"case {t[0]} in a*) {t[1]}\n;;\n*) {t[2]}\n;; esac"
        ),
        st.tuples(inner, _some_words).map(lambda t: f"f() {{\n{t[0]}\n}}; f {t[1]}"),
        st.tuples(inner).map(lambda t: f"i=0; while [ $i -lt 2 ]; do i=$((i+1)); {t[0]}\ndone"),
        inner.map(lambda a: f"{{ {a}\n}} | cat > /dev/null"),
        inner.map(lambda a: f'x=$({a}\n); say "$x"'),
    )


_scripts = st.one_of(_simple, _compound(st.one_of(_simple, _compound(_simple))))


def _run(script, folder):
    """Give the argument lists `say` was called with."""
    log = folder / "log"
    log.write_bytes(b"")
    environment = {
        "LOG": str(log),
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/user",
        "LC_ALL": "C.UTF-8",
    }
    subprocess.run(
        ["bash", "--norc", "--noprofile"],
        input=(_PRELUDE + script).encode(),
        env=environment,
        cwd=folder,
        capture_output=True,
        timeout=20,
        check=False,
    )
    calls = log.read_bytes().decode("utf-8", "replace").split("\1")[:-1]
    return [_CHANNEL.sub("channel", call) for call in calls]


def _covers(recorded, call):
    """Whether a recorded call stands for this one; an unknown word may be any number of words."""
    pattern = ""
    for argument in recorded.split("\0")[:-1]:
        if argument == UNKNOWN:
            pattern += "(?:[^\0]*\0)*"
        else:
            pattern += ".*".join(re.escape(part) for part in argument.split(UNKNOWN)) + "\0"
    return re.fullmatch(pattern, call, re.DOTALL) is not None


@settings(
    max_examples=int(os.environ.get("FLOW_FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=_scripts)
@example(script="say a\n\\say b")
@example(script="true && say a > /dev/null")
@example(script="! for x in a b; do say $x; done")
@example(script="x=1; say a && say b | cat > f")
@example(script="for y in a b; do x=$y; say $x $(echo $x); done")
@example(script="x=1; eval 'say $x' \"${x:+'p q'}\"")
def test_every_call_is_seen(script, tmp_path):
    recorder = _Recorder()
    judgement = make_judge(recorder).judge(script)
    if any(
        finding.rule in ("shell.not-understood", "shell.too-much") for finding in judgement.findings
    ):
        return
    for path in tmp_path.iterdir():
        path.unlink()
    for call in _run(script, tmp_path):
        assert any(_covers(recorded, call) for recorded in recorder.calls), (call, recorder.calls)
