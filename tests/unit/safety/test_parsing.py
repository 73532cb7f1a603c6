"""Shell text to plain structs."""

import pytest

from flowd.safety.parsing import MAX_CHARACTERS, NotUnderstood, grammar, parse
from flowd.safety.parsing.quoting import (
    expand_braces,
    hides_characters,
    unescape_ansi_c,
    unescape_double_quoted,
)
from flowd.safety.syntax import AndOr, Background, Function, Pipeline, SimpleCommand, While
from flowd.safety.value import UNKNOWN


def words(text):
    (command,) = parse(text).statements
    assert isinstance(command, SimpleCommand)
    return [word.plain for word in command.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ls -l a", ["ls", "-l", "a"]),
        ("s''h 'a b' \"c d\"", ["sh", "a b", "c d"]),
        (r"r\m x\ y", ["rm", "x y"]),
        ("echo a\\\nb", ["echo", "ab"]),
        (r"echo $'\x72\x6d\n'", ["echo", "rm\n"]),
        (r'echo "a\"b\$c\n"', ["echo", r'a"b$c\n']),
        ("echo {a,b}c {1..3}", ["echo", "ac", "bc", "1", "2", "3"]),
        ("{rm,-rf,x}", ["rm", "-rf", "x"]),
        ("echo '{a,b}' \"{a,b}\"", ["echo", "{a,b}", "{a,b}"]),
        ("echo $x", ["echo", None]),
        ("echo ~", ["echo", None]),
        ("echo '~' a~b", ["echo", "~", "a~b"]),
        ("echo é 日本", ["echo", "é", "日本"]),
        ("echo hi > f more", ["echo", "hi", "more"]),
        ("echo a # b", ["echo", "a"]),
        ("echo a#b", ["echo", "a#b"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_statement_kinds():
    script = parse("a | b; c && d || e; f & while x; do y; done; g() { h; }")
    kinds = [type(statement) for statement in script.statements]
    assert kinds == [Pipeline, AndOr, Background, While, Function]
    assert script.unreadable == ()


@pytest.mark.parametrize(
    ("text", "operator", "descriptor", "target"),
    [
        ("a > f", ">", None, "f"),
        ("a 2>&1", ">&", 2, "1"),
        ("a 0< f", "<", 0, "f"),
        ("exec 3<> /dev/tcp/h/1", "<>", 3, "/dev/tcp/h/1"),
        ("exec 3<<< x", "<<<", 3, "x"),
        ("exec {fd}< f", "<", "fd", "f"),
        ("a &>> f", "&>>", None, "f"),
        ("cat <<E\nx\nE", "<<", None, "x\n"),
        ("cat <<'E'\n$x\nE", "<<", None, "$x\n"),
        ("cat <<-E\n\\!x\nE", "<<", None, "\\!x\n"),
    ],
)
def test_redirects(text, operator, descriptor, target):
    (command,) = parse(text).statements
    redirect = command.redirects[-1]
    assert (redirect.operator, redirect.descriptor) == (operator, descriptor)
    assert redirect.target.plain == target


@pytest.mark.parametrize(
    "text", ["cat <<E | sh && ls\nx\nE", "cat <<E ; ls\nx\nE", "cat <<E && ls\nx\nE"]
)
def test_commands_after_the_start_of_a_here_document(text):
    script = parse(text)
    assert script.unreadable == ()
    assert "ls" in repr(script.statements)


def test_spans_are_characters_of_the_text():
    text = "echo 日本語; rm -rf é"
    _, command = parse(text).statements
    start, end = command.span
    assert text[start:end] == "rm -rf é"
    start, end = command.words[2].span
    assert text[start:end] == "é"


def test_spans_survive_joined_lines():
    text = "echo a\\\nb; rm é"
    first, second = parse(text).statements
    assert text[second.span[0] : second.span[1]] == "rm é"
    assert text[first.words[1].span[0] : first.words[1].span[1]] == "a\\\nb"


def test_a_comment_is_not_continued():
    script = parse("ls # no\\\nrm -rf /")
    assert len(script.statements) == 2


def test_inner_text_carries_the_place_it_was_found_at():
    (command,) = parse("rm x", (7, 9)).statements
    assert command.span == (7, 9)
    assert command.words[1].span == (7, 9)


@pytest.mark.parametrize("text", ["echo 'a", "rm x )", "if a; then", "echo ${x", "ls <name>", "(("])
def test_unreadable_places_are_told(text):
    script = parse(text)
    assert script.unreadable
    for start, end in script.unreadable:
        assert 0 <= start <= end <= len(text)


def test_what_stands_beside_an_unreadable_place_is_kept():
    script = parse("rm -rf / )")
    assert script.unreadable
    assert script.statements[0].words[0].plain == "rm"


def test_limits(monkeypatch):
    with pytest.raises(NotUnderstood, match="longer"):
        parse("a" * (MAX_CHARACTERS + 1))
    with pytest.raises(NotUnderstood, match="deep"):
        parse("$(" * 500 + "a" + ")" * 500)
    monkeypatch.setattr(grammar, "PARSE_SECONDS", -1.0)
    with pytest.raises(NotUnderstood, match="long"):
        parse("ls; " * 2_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a{b,c}d", ["abd", "acd"]),
        ("{a,b}{c,d}", ["ac", "ad", "bc", "bd"]),
        ("{a,{b,c}}", ["a", "b", "c"]),
        ("{a}", ["{a}"]),
        ("{a,b", ["{a,b"]),
        ("{,x}", ["", "x"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{a..e..2}", ["a", "c", "e"]),
        ("{1..100000}", [UNKNOWN]),
        ("{a,b}" * 10, [UNKNOWN]),
        ("plain", ["plain"]),
    ],
)
def test_braces(text, expected):
    assert expand_braces(text) == expected


def test_escapes():
    assert unescape_ansi_c(r"\x72\155\u0020\n\q") == "rm \n\\q"
    assert unescape_double_quoted(r"a\$b\`c\"d\\e\f") == r'a$b`c"d\e\f'
    assert hides_characters(r"\x72")
    assert hides_characters(r"\162")
    assert not hides_characters(r"\n\t\033[0m")
