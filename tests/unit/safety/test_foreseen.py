"""What a script will do, told for people before it runs."""

import pytest

from support.judging import judged


@pytest.mark.parametrize(
    ("script", "effects"),
    [
        ("ls -l | sort", []),
        ("make > log.txt 2>&1", ["unknown make", "writes log.txt"]),
        ("rm -rf old a.txt", ["deletes old", "deletes a.txt"]),
        ("mv a b; cp c d; touch e", ["deletes a (moved)", "writes b", "writes d", "writes e"]),
        ("sed -i s/a/b/ conf; echo x | tee -a log", ["writes conf", "writes log"]),
        ("curl -fsS https://me@example.org:8/x -o y", ["network example.org", "writes y"]),
        ("git push origin main", ["network as git is set up"]),
        ("git clone https://example.org/r.git", ["network example.org"]),
        ("pip install x", ["network as pip is set up", "unknown pip"]),
        ("ssh me@web 'rm -rf x'", ["network web"]),
        ("scp a web:b", ["network web"]),
        ("sudo touch f", ["privilege sudo", "writes f"]),
        ("frobnicate x", ["unknown frobnicate"]),
        ('rm "$file"', ["deletes …"]),
        ("for f in a b; do sh -c 'echo > out'; done", ["writes out"]),
    ],
)
def test_effects(script, effects):
    assert sorted(f"{each.kind} {each.what}" for each in judged(script).effects) == sorted(effects)
