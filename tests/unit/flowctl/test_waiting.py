"""What a terminal shows while models are still writing."""

from flowctl.console import Console
from flowctl.waiting import lines_of, shown_while_waiting


def row(title, provider="offline"):
    return {"title": title, "provider": provider}


def test_what_is_there_comes_first_and_what_is_written_below():
    writing = [{"provider": "openai", "title": "Tag", "scripts": ["git tag\nv1", "git \x1b[31m"]}]
    lines = lines_of({"suggestions": [row("List")], "writing": writing}, Console())
    assert lines[0] == "List  offline"
    assert lines[1:3] == ["openai writes: Tag", "  git tag v1"]
    assert "\x1b[31m" not in lines[3]


def test_no_line_is_longer_than_the_screen_and_no_more_than_fit():
    many = {"suggestions": [row("x" * 300)] * 9, "writing": []}
    lines = lines_of(many, Console())
    assert len(lines) == 5
    assert all(len(line) < 100 for line in lines)


def test_without_a_terminal_nothing_is_asked_for(capsys):
    with shown_while_waiting(Console()) as progress:
        assert progress is None
    assert capsys.readouterr().out == ""
