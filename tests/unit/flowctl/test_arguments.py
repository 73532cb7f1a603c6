"""The command line is understood as the table says, and a wrong one says what is meant."""

import pytest

from flowctl.arguments import Call, parse
from flowctl.exits import UsageError


def understood(line: str) -> Call:
    return parse(line.split())


@pytest.mark.parametrize("line", ["--json ps", "ps --json", "--json ps --no-start"])
def test_global_flags_come_before_or_after_the_command(line: str) -> None:
    call = understood(line)
    assert call.path == ("ps",)
    assert call.arguments.flag("json")


def test_a_global_option_takes_its_value_on_either_side() -> None:
    for line in ("--socket /s show r1", "show r1 --socket=/s", "show --socket /s r1"):
        call = understood(line)
        assert call.arguments.text("socket") == "/s"
        assert call.arguments.text("run") == "r1"


@pytest.mark.parametrize("line", ["ps -n 3", "ps -n3", "ps -n=3", "ps --limit 3", "ps --limit=3"])
def test_every_spelling_of_an_option_with_a_value(line: str) -> None:
    assert understood(line).arguments.number("limit", 100) == 3


def test_flags_can_be_put_together() -> None:
    arguments = understood("run x -dy").arguments
    assert arguments.flag("detach")
    assert arguments.flag("yes")


def test_an_option_that_may_be_repeated_keeps_every_value() -> None:
    arguments = understood("run x -i a=1 --input b=2 --input=c=3").arguments
    assert arguments.texts("input") == ["a=1", "b=2", "c=3"]


def test_words_are_joined_and_a_task_needs_no_quotes() -> None:
    arguments = understood("suggest tag a release -n 2 now").arguments
    assert arguments.text("task") == "tag a release now"
    assert arguments.number("limit", 5) == 2


def test_a_value_may_look_like_an_option() -> None:
    assert parse(["check", "--command", "--json"]).arguments.text("command") == "--json"


def test_after_two_dashes_everything_is_a_position() -> None:
    assert parse(["suggest", "--", "--json", "-x"]).arguments.text("task") == "--json -x"


def test_a_single_dash_is_a_position() -> None:
    assert understood("run -").arguments.text("workflow") == "-"


def test_actions_are_found_below_their_command() -> None:
    call = understood("daemon logs -f")
    assert call.path == ("daemon", "logs")
    assert call.arguments.flag("follow")


def test_help_does_not_ask_for_what_is_missing() -> None:
    call = understood("answer --help")
    assert call.path == ("answer",)
    assert call.arguments.flag("help")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("pss", "did you mean ps?"),
        ("zzzzz", "there are: suggest, run"),
        ("ps --jsn", "did you mean --json?"),
        ("show", "RUN is missing"),
        ("show a b", "one word too many: 'b'"),
        ("ps -n many", "must be a whole number"),
        ("ps -n -1", "must be a whole number"),
        ("ps --limit", "--limit needs a value"),
        ("ps --json=yes", "--json takes no value"),
        ("ps -z", "unknown option -z"),
        ("answer r s perhaps", "must be one of: yes, no, retry, skip, undo"),
        ("daemon", "needs one of: start, stop"),
        ("daemon strat", "did you mean start?"),
        ("completion tcsh", "must be one of: bash, zsh, fish"),
    ],
)
def test_what_makes_no_sense_is_explained(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        understood(line)
    assert says in caught.value.message
    assert caught.value.cure.startswith("see flowctl")
