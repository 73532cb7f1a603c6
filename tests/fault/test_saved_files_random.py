"""Whatever a script does to files, what was kept before puts all of it back.

Random scripts of harmless file commands, run for real by bash in a scratch folder. Where the
footprint is complete and the files were saved, the folder must be what it was: contents, modes,
links. `FLOW_FUZZ_EXAMPLES=5000` looks longer.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.saving import keep, picture, put_back, run_bash

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

ENVIRONMENT = {"V": "a", "W": "d/x", "P": "*.t", "E": "", "HOME": "/nonexistent"}

_names = st.sampled_from(["a", "b.t", "c.t", "d", "d/x", "d/e", "d/e/y.t", "l", "dl", "n", "n/m"])
_words = st.one_of(
    _names,
    _names,
    _names,
    st.sampled_from(
        [
            "$V",
            '"$W"',
            "$P",
            '"$P"',
            "*.t",
            "d/*",
            "*",
            "?",
            "d/e/",
            "./a",
            "d/../a",
            "dl/x",
            "dl/../a",
            "[ab]*",
            "[!a]*",
            "'a b'",
            "$UNSET",
            "${V}.t",
            "${P%.t}",
            "{a,b.t}",
            "$(echo a)",
            "$(basename d/x)",
            '"$x"',
            "$y",
            "${x:-n}",
            "$PWD/a",
            "~",
            "n$((1+1))",
            "-f",
        ]
    ),
)
_some = st.lists(_words, min_size=1, max_size=2).map(" ".join)
_two = st.tuples(_some, _words).map(" ".join)
_simple = st.one_of(
    _some.map("rm {}".format),
    _some.map("rm -rf {}".format),
    _two.map("mv {}".format),
    _two.map("mv -T {}".format),
    _two.map("cp {}".format),
    _two.map("cp -r {}".format),
    _two.map("cp -a {}".format),
    _two.map("ln -s {}".format),
    _two.map("ln -sfn {}".format),
    _two.map("ln -f {}".format),
    _some.map("touch {}".format),
    _some.map("mkdir {}".format),
    _some.map("mkdir -p {}".format),
    _some.map("rmdir {}".format),
    _some.map("sed -i s/1/2/ {}".format),
    _some.map("sed -i.t s/1/2/ {}".format),
    _some.map("chmod 700 {}".format),
    _some.map("chmod -R u+x {}".format),
    _some.map("truncate -s 1 {}".format),
    _some.map("gzip {}".format),
    _some.map("tee {} < a".format),
    _words.map("echo new > {}".format),
    _words.map("echo more >> {}".format),
    _words.map("cat a > {}".format),
    _words.map("cd {}".format),
    _words.map("pushd {}".format),
    st.sampled_from(["popd", "cd ..", "set +e", "set -e", "true", "false", "x=$(mktemp)", "exit"]),
    _words.map("x={}".format),
    _words.map("y={}".format),
    _words.map("x=({})".format),
    _some.map("set -- {}".format),
    _words.map("read x <<< {}".format),
    _words.map("x=$(ls {})".format),
    _words.map("f {}".format),
    st.sampled_from(['rm "$1"', 'rm -rf "$@"', "> $x", 'mv "$x" "$y"', "local x=a", "return"]),
)
_scripts = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("{0[0]}\n{0[1]}".format),
        st.tuples(inner, inner).map("{0[0]}\n{0[1]}".format),
        st.tuples(inner, inner).map("{{ {0[0]}\n}} && {0[1]}".format),
        st.tuples(inner, inner).map("{{ {0[0]}\n}} || {{ {0[1]}\n}}".format),
        inner.map("( {}\n)".format),
        inner.map("{{ {}\n}} > n".format),
        inner.map("f() {{ {}\n}}".format),
        st.tuples(inner, inner).map("if {0[0]}\nthen {0[1]}\nfi".format),
        st.tuples(_some, inner).map("for x in {0[0]}; do {0[1]}\ndone".format),
        st.tuples(_words, _words, inner).map(
            "case {0[0]} in {0[1]}) {0[2]}\n;; *) y=b.t;; esac".format
        ),
        inner.map("while [ -e a ]; do {}\nrm -f a; done".format),
        inner.map("x=$({}\n)".format),
        inner.map(lambda text: f"bash -c '{text}'" if "'" not in text else text),
        inner.map(lambda text: f"eval '{text}'" if "'" not in text else text),
        inner.map("{}\n true | cat".format),
    ),
    max_leaves=5,
)


def _lay_out(folder: Path) -> None:
    (folder / "d/e").mkdir(parents=True)
    for name in ("a", "b.t", "c.t", "d/x", "d/e/y.t", "a b"):
        (folder / name).write_text(f"1 {name}\n")
    (folder / "c.t").chmod(0o444)
    (folder / "d/x").chmod(0o755)
    (folder / "l").symlink_to("a")
    (folder / "dl").symlink_to("d/e")


@settings(
    max_examples=int(os.environ.get("FLOW_FUZZ_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(_scripts)
@example("sed -i.t s/1/2/ a\nsed -i.t s/1/2/ $P")
@example("sed -i.t s/1/2/ $P\nsed -i.t s/1/2/ $P")
@example('touch "$P"')
@example("rm -rf d\nln -s a n\necho > n")
def test_what_was_kept_puts_everything_back(script: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place).resolve()
        folder = home / "w"
        _lay_out(folder)
        before = picture(folder)
        reason = keep(script, folder, home / "saved/r.s.1", ENVIRONMENT)
        if reason:
            return
        run_bash(script, folder, ENVIRONMENT)
        said = put_back(home / "saved/r.s.1")
        assert picture(folder) == before, said
        assert put_back(home / "saved/r.s.1") == ""  # nothing is left to do
