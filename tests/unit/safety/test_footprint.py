"""Which files a script touches, as far as its text tells for certain."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain.files import Touch
from flowd.safety.footprint import foresee

ENVIRONMENT = {"version": "1.2", "HOME": "/home/me", "folder": "out put"}


def look(script, shell="bash", cwd="/w", **variables):
    return foresee(script, shell=shell, cwd=cwd, environment={**ENVIRONMENT, **variables})


@pytest.mark.parametrize(
    ("script", "touched"),
    [
        ("rm -rf build", ["/w/build deleted"]),
        ("rm a 'b c' /etc/x", ["/w/a deleted", "/w/b c deleted", "/etc/x deleted"]),
        ("rm -f *.o", ["/w/*.o deleted"]),
        ('rm "dist-$version"', ["/w/dist-1.2 deleted"]),
        ('rm -r "$folder"', ["/w/out put deleted"]),
        ("rm $folder", ["/w/out deleted", "/w/put deleted"]),
        ("rm ~/x $HOME/y", ["/home/me/x deleted", "/home/me/y deleted"]),
        ("cd sub\nrm x", ["/w/sub/x deleted"]),
        ("cd sub || exit 1; rm x", ["/w/sub/x deleted"]),
        ("mv a b", ["/w/a moved_away", "/w/b moved /w/a"]),
        ("mv -t d a", ["/w/a moved_away", "/w/d moved /w/a"]),
        ("mv -T a b", ["/w/a moved_away", "/w/b moved"]),
        ("cp a b", ["/w/b copied /w/a"]),
        ("cp -r a b", ["/w/b copied_tree /w/a"]),
        ("cp -t d a", ["/w/d copied /w/a"]),
        ("ln -s a b", ["/w/b linked /w/a"]),
        ("ln -sfn a b", ["/w/b linked_over /w/a"]),
        ("echo hi > f", ["/w/f written"]),
        ("{ echo a; echo b; } > f 2> g", ["/w/f written", "/w/g written"]),
        ("sort a | tee b > /dev/null", ["/w/b written"]),
        ("sed -i s/a/b/ f", ["/w/f written"]),
        ("sed -i.bak -e s/a/b/ f", ["/w/f written +.bak", "/w/f written"]),
        ("touch a; mkdir -p b/c", ["/w/a marked", "/w/b made", "/w/b/c made"]),
        ("rmdir d", ["/w/d emptied"]),
        ("chmod -R u+x bin", ["/w/bin marked_tree"]),
        ("chmod -x a", ["/w/a marked"]),
        ("truncate -s 0 log", ["/w/log written"]),
        ("gzip a", ["/w/a written +.gz", "/w/a moved_away"]),
        ("gunzip a.gz", ["/w/a written", "/w/a.gz moved_away"]),
        ("dd if=a of=b", ["/w/b written"]),
        ("git checkout -- a", ["/w/. written"]),
        ("git clean -fd", ["/w/. deleted"]),
        ("timeout 5 env A=1 nice rm a", ["/w/a deleted"]),
        ("bash -ec 'rm a; > b'", ["/w/a deleted", "/w/b written"]),
        ("eval 'rm a'", ["/w/a deleted"]),
        ("for f in a b; do rm $f.o; done", ["/w/a.o deleted", "/w/b.o deleted"]),
        ("[ -e a ] && rm a", ["/w/a deleted"]),
        ("clear() { rm -f \"$1\"; }\nclear a", ["/w/a deleted"]),
        ("x=$(basename /q/a.c); rm ${x%.c}.o", ["/w/a.o deleted"]),
        ("t=$(mktemp)\nsort a > $t\nmv $t a", ["/w/a moved /dev/fd/pipe-fresh-file-1"]),
        ("echo version=$version >> $FLOW_OUTPUT; rm a", ["/w/a deleted"]),
        ("while sleep 1; do [ -e a ] && break; done; rm b", ["/w/b deleted"]),
        ("echo hello 2>/dev/null | tee /dev/null", []),
    ],
)  # fmt: skip
def test_what_is_touched(script, touched):
    seen = look(script)
    assert seen.complete, seen.reason
    assert [shown(touch) for touch in seen.touches] == touched


def shown(touch: Touch) -> str:
    """A touch in a line."""
    ending = f"+{touch.ending}" if touch.ending else ""
    return " ".join(word for word in (touch.path, touch.how, touch.source, ending) if word)


@pytest.mark.parametrize(
    "script",
    [
        "echo more >> f",
        "make clean",
        "curl -O https://example.org/x",
        "sudo rm a",
        "python3 -c 'print(1)'",
        "./tidy.sh",
        "source unseen.sh",
        "bash unseen.sh",
        "some-program a",
        "rm $UNKNOWN_COMES_FROM_HERE$RANDOM",
        "rm $(ls)",
        "ls | xargs rm",
        "find . -delete",
        "find . -name x -exec rm {} +",
        'for f in *.o; do rm "$f"; done',
        'while read -r f; do rm "$f"; done < list',
        "cd sub || true\nrm a",
        "cd sub && true\nrm a",
        "if cd sub; then true; fi; rm a",
        "x=$(cd sub; rm a)",
        "bash -c 'cd sub; rm a'",
        "cd - ; rm a",
        "cd su*; rm a",
        "popd; rm a",
        "trap 'rm -f a' EXIT",
        "i=0; ((i++)); rm a$i",
        "for ((i = 0; i < 3; i++)); do rm a$i; done",
        "i=0; while [ $i -lt 3 ]; do rm a$i; i=$((i + 1)); done",
        "f() { local x=a; }; x=b; f; rm $x",
        "f() { [ -e q ] || return; x=a; }; x=b; f; rm $x",
        "for x in a b; do [ -e $x ] || continue; y=$x; done; rm $y",
        'f() { shift; rm "$@"; }; f *.o',
        'set -- *.o; rm "$1"',
        "eval rm *.o",
        "shopt -s dotglob; rm *",
        "GLOBIGNORE=x; rm *",
        "rm .*",
        "rm ~other/x",
        "rm [[:alpha:]]",
        "case x in x) ;& y) rm a;; esac",
        "mv *",
        "cp a *",
        "mv --backup a b",
        "cp --parents a b",
        "rm --unheard-of a",
        "chmod --reference=a b",
        "chown me a",
        "gunzip *.gz",
        "sed -i 'w other' a",
        "sed -i -f script a",
        "awk '{print > \"out\"}' a",
        "sort -o a a",
        "uniq a b",
        "git clean -ffdx",
        "git checkout main",
        "git restore ':(glob)**'",
        "npm audit fix",
        "echo x > /dev/sda",
        "ssh host rm /w/a",
        "env -i rm $a",
        "read x <<< a; rm $x",
        "echo a > list; rm $(cat list)",
        "rm a; (",
        "rm a\u202e",
    ],
)
def test_what_cannot_be_told_for_certain_is_not_told(script):
    seen = look(script, UNKNOWN_COMES_FROM_HERE="")
    touches_nothing = script.startswith(("set --", "env -i"))
    assert not seen.complete or touches_nothing
    assert seen.touches == () or touches_nothing
    assert seen.reason or touches_nothing


@pytest.mark.parametrize("script", ["true", "pytest -q", "ls -l | head -3"])
def test_most_scripts_are_not_even_looked_at(script):
    assert look(script).touches == ()
    assert "names nothing" in look(script).reason


@pytest.mark.parametrize("shell", ["zsh", "fish", "python"])
def test_only_bash_and_sh_are_followed(shell):
    assert not look("rm a", shell=shell).complete


@pytest.mark.parametrize("script", ["rm {a,b}", "cat <<< x > y", "x &> y", "rm $'a'"])
def test_what_sh_reads_in_another_way(script):
    assert not look(script, shell="sh").complete


@pytest.mark.parametrize(
    "variables", [{"BASH_ENV": "x"}, {"BASHOPTS": "dotglob"}, {"BASH_FUNC_rm%%": "() { :; }"}]
)
def test_an_environment_that_changes_what_bash_does(variables):
    assert not look("rm /a", **variables).complete


def test_without_an_environment_it_says_what_a_run_could_foresee():
    script = 'rm "$anything/$version"'
    assert foresee(script, shell="bash", cwd="/", environment=None).touches
    assert not foresee("make", shell="bash", cwd="/", environment=None).complete


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60) | st.text("rm mv a*?[]{}()$\"'`\\;&|<>=~\n#!/-ue000\ue001", max_size=60)
)
def test_no_text_is_too_odd(script):
    for environment in (None, {}):
        foresee(script, shell="bash", cwd="/w", environment=environment)


@pytest.mark.parametrize(
    "script", ["rm a;" * 5000, "(" * 500 + "rm a" + ")" * 500, "rm " + "a " * 6000]
)
def test_no_text_is_too_much(script):
    look(script)


def test_everyday_commands_are_looked_at_without_a_mistake(caplog):
    source = Path(__file__).with_name("test_everyday_work.py").read_text()
    commands = [line.strip() for line in source.split('"""')[3].splitlines() if line.strip()]
    assert len(commands) > 50
    for command in commands:
        foresee(command, shell="bash", cwd="/w", environment=None)
        look(command)
    assert not caplog.records
