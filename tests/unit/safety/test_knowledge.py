"""The small tables and functions under the rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.safety import arithmetic, parameters, secrets
from flowd.safety.code.sql import destructive_statement, only_reads, shell_escapes
from flowd.safety.command import split
from flowd.safety.paths import locate
from flowd.safety.state import UNSET, Variable
from flowd.safety.value import EMPTY, UNKNOWN, Argument, either, joined, value_of


def arguments(text):
    return [Argument(word, (0, 0)) for word in text.split()]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", "root"),
        ("//", "root"),
        ("/tmp/..", "root"),
        ("/*", "root"),
        ("/etc", "system"),
        ("/etc/", "system"),
        ("/usr/local/bin", "system"),
        ("/u*", "system"),
        ("/usr/local/bin/x", "inside_system"),
        ("/etc/passwd", "inside_system"),
        ("/home/anna", "home"),
        ("/home", "home"),
        ("/root", "home"),
        ("/home/anna/*", "home"),
        ("/home/anna/.ssh", "settings"),
        ("/home/anna/.ssh/id_rsa", "ordinary"),
        ("/home/anna/work", "ordinary"),
        ("/home/anna/work/node_modules", "build"),
        ("/tmp", "scratch_root"),
        ("/tmp/*", "scratch_root"),
        ("/tmp/x", "scratch"),
        ("/tmp/x*", "scratch"),
        ("/var/tmp/x/y", "scratch"),
        (f"/tmp/{UNKNOWN}", "unknown"),
        (f"/tmp/a{UNKNOWN}", "scratch"),
        ("/dev/sda", "device"),
        ("/dev/nvme0n1p2", "device"),
        ("/dev/mapper/x", "device"),
        ("/dev/null", "stream"),
        ("/dev/fd/3", "stream"),
        ("build", "build"),
        ("./dist/x", "build"),
        ("a.egg-info", "build"),
        (".git", "git_store"),
        ("x/.git/objects/aa", "git_store"),
        (".gitignore", "ordinary"),
        (".git/hooks/x", "ordinary"),
        (".", "here"),
        ("*", "here"),
        ("./", "here"),
        ("..", "above"),
        ("../x", "above"),
        ("src", "ordinary"),
        ("/data/x", "ordinary"),
        (UNKNOWN, "unknown"),
        (f"{UNKNOWN}/x", "unknown"),
        (f"{UNKNOWN}/node_modules", "build"),
        (f"/{UNKNOWN}", "unknown"),
        ("", "ordinary"),
    ],
)
def test_where_a_path_leads(path, place):
    assert locate(path).place == place


def test_relative_paths_are_joined_with_the_folder():
    assert locate("lib", "/usr").place == "system"
    assert locate("../etc", "/tmp").place == "system"
    assert locate("x", "/tmp").place == "scratch"


@given(st.text(max_size=60))
def test_every_path_has_a_place(path):
    assert locate(path).place


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/home/a/.ssh/id_rsa", "secret"),
        ("id_ed25519", "secret"),
        ("id_ed25519.pub", None),
        ("id_ed25519.pub.old", None),
        (".env", "secret"),
        (".env.local", "secret"),
        (".env.example", None),
        ("server.key", "secret"),
        ("public.key", None),
        ("cert.pem", None),
        ("privkey.pem", "secret"),
        ("/home/a/.aws/credentials", "secret"),
        ("/home/a/.kube/config", "secret"),
        ("config", None),
        ("/etc/shadow", "secret"),
        ("/etc/passwd", "system"),
        ("/etc/hosts", "system"),
        ("README.md", None),
        ("known_hosts", None),
        ("/home/a/.bash_history", "system"),
    ],
)
def test_what_a_file_holds_by_its_name(path, origin):
    assert secrets.origin_of(path) == origin


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("7/2", "3"),
        ("-7/2", "-3"),
        ("7%3", "1"),
        ("0x10", "16"),
        ("x+1", "6"),
        ("$x - 2", "3"),
        ("1/0", UNKNOWN),
        ("2**8", UNKNOWN),
        ("x=5", UNKNOWN),
        ("", UNKNOWN),
        ("y", UNKNOWN),
        ("1+" * 100 + "1", UNKNOWN),
    ],
)
def test_arithmetic(expression, result):
    known = {"x": "5"}
    assert arithmetic.evaluate(expression, lambda name: known.get(name, UNKNOWN)) == result


@pytest.mark.parametrize(
    ("text", "operator", "argument", "replacement", "expected"),
    [
        ("abc", "#", "a", "", "bc"),
        ("aabc", "##", "*a", "", "bc"),
        ("abc", "%", "c", "", "ab"),
        ("a/b/c", "%/*", "", "", UNKNOWN),
        ("a/b/c", "%", "/*", "", "a/b"),
        ("a/b/c", "%%", "/*", "", "a"),
        ("a.b.c", "/", ".", "-", "a-b.c"),
        ("a.b.c", "//", ".", "", "abc"),
        ("abc", "/#", "a", "x", "xbc"),
        ("abc", "/%", "c", "x", "abx"),
        ("abcd", ":", "1:2", "", "bc"),
        ("abcd", ":", "-2", "", "cd"),
        ("abcd", ":", "x", "", UNKNOWN),
        (f"/home{UNKNOWN}", ":", "0:1", "", "/"),
        (f"/home{UNKNOWN}", ":", "0:9", "", UNKNOWN),
        ("abc", "^^", "", "", "ABC"),
        ("ABC", ",", "", "", "aBC"),
        ("abc", "@", "U", "", "ABC"),
        ("a*a*a*a*b", "#", "*a*a*a*a*", "", UNKNOWN),
    ],
)
def test_parameter_operators(text, operator, argument, replacement, expected):
    made = parameters.edited(value_of(text), operator, value_of(argument), value_of(replacement))
    assert made.texts == (expected,)


def test_unset_and_empty_are_told_apart():
    empty = Variable(EMPTY)
    assert parameters.may_be_missing(UNSET, empty_counts=False)
    assert not parameters.may_be_missing(empty, empty_counts=False)
    assert parameters.may_be_missing(empty, empty_counts=True)
    assert not parameters.may_be_present(empty, empty_counts=True)
    assert parameters.may_be_present(empty, empty_counts=False)


def test_values_stay_small():
    many = either(value_of(str(number)) for number in range(100))
    assert len(many.texts) <= 12
    assert UNKNOWN in many.texts
    assert joined(many, many).texts == (UNKNOWN,)
    assert value_of("x" * 100_000).texts == (UNKNOWN,)


def test_options_are_sorted_as_getopt_does():
    options = split(
        arguments("-rf a --name=x -ofile -o other --long v -- -z"), frozenset({"-o", "--long"})
    )
    assert [option.name for option in options.given] == ["-r", "-f", "--name", "-o", "-o", "--long"]
    assert [operand.text for operand in options.operands] == ["a", "-z"]
    assert [value.text for value in options.values("-o")] == ["file", "other"]
    assert options.value("--long").text == "v"


def test_long_options_may_be_abbreviated_but_not_mistaken():
    assert split(arguments("--recur")).has("--recursive")
    assert not split(arguments("--force")).has("--force-with-lease")
    options = split(arguments("--output a"), frozenset({"--output", "--output-dir"}))
    assert options.value("--output-dir") is None


@pytest.mark.parametrize(
    ("text", "destroys"),
    [
        ("DROP TABLE x", True),
        ("drop database if exists x", True),
        ("TRUNCATE x", True),
        ("DELETE FROM x", True),
        ("DELETE FROM x WHERE id = 1", False),
        ("DELETE FROM x WHERE true", True),
        ("UPDATE x SET a = 1", True),
        ("UPDATE x SET a = 1 WHERE b", False),
        ("SELECT 'DROP TABLE x'", False),
        ("SELECT * FROM drops -- DROP TABLE x", False),
        ("/* DROP TABLE x */ SELECT 1", False),
        ("SELECT 1; DROP TABLE x", True),
        ("INSERT INTO x VALUES (';DROP TABLE y')", False),
        ("ALTER TABLE x DROP COLUMN y", True),
        ("CREATE TABLE x (a int)", False),
        ("EXPLAIN DELETE FROM x", False),
    ],
)
def test_sql(text, destroys):
    assert (destructive_statement(text) is not None) is destroys


def test_sql_that_only_looks():
    assert only_reads("SELECT 1; SHOW TABLES")
    assert not only_reads("SELECT 1; INSERT INTO x VALUES (1)")
    assert shell_escapes("\\! ls\nSELECT 1;\n.shell id") == ["ls", "id"]
