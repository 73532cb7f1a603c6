"""Which programs and variables a script counts on, noted while it is judged."""

import pytest

from flowd.domain.foresight import UNSEEN
from support.judging import judged


@pytest.mark.parametrize(
    ("script", "certain"),
    [
        ("pytest -q && git push", ["pytest", "git"]),
        ("ls | grep x | tee f", ["ls", "grep", "tee"]),
        ("sudo apt-get update", ["sudo", "apt-get"]),
        ("env A=b timeout 5 make", ["env", "timeout", "make"]),
        ("for f in *; do wc $f; done", ["wc"]),
        ("find . -exec gzip {} +; x=$(date)", ["find", "gzip", "date"]),
        ("python3 -c \"import os; os.system('zap x')\"", ["python3", "zap"]),
        ("sh -c 'frob x'", ["sh", "frob"]),
        ("f() { inner; }; f", ["inner"]),
        # what is asked for first, or may fail
        ("command -v jq > /dev/null && jq . f", []),
        ("if which foo; then foo; fi", []),
        ("foo || bar", []),
        ("! foo", []),
        ("if foo -q; then bar; fi", ["bar"]),
        # what is elsewhere, or on another PATH
        ("docker run image foo", ["docker"]),
        ("ssh host foo", ["ssh"]),
        ("npx tsc; poetry run mypy", ["npx", "poetry"]),
        ("python3 -m build; python -m pytest -q", ["python3", "python"]),
        ("export PATH=/opt/x/bin:$PATH; foo", []),
        (". venv/bin/activate; pytest", []),
        # what is no program
        ("cd x; export A=b; [ -e y ] && echo z", []),
        ("alias foo=ls; f() { :; }; f", []),
        ('"$PROGRAM" x', []),
    ],
)
def test_programs_that_must_be_there(script, certain):
    assert [use.program for use in judged(script).uses if use.certain] == certain


def test_words_are_known_as_far_as_the_text_tells():
    [use] = judged('git push origin "$branch" --force').uses
    assert use.arguments == ("push", "origin", UNSEEN, "--force")


@pytest.mark.parametrize(
    ("script", "reads"),
    [
        ('echo "$A" ${B} ${#C}', ["A", "B", "C"]),
        ("A=1; echo $A; read B; echo $B; for c in x; do echo $c; done", []),
        ("echo ${A:-x} ${B-y} ${C:+z}; : ${D:?gone}", []),
        ("echo $1 $? $$ $@", []),
        ("source settings; echo $A", []),
        ("A=$B cmd; echo $A", ["B", "A"]),
        ("ssh host 'echo $REMOTE'", []),
        ("cat <<E\n$A\nE\ncat <<'E'\n$B\nE", ["A"]),
    ],
)
def test_variables_that_others_must_set(script, reads):
    assert list(judged(script).reads) == reads
