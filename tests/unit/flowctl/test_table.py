"""The command table, its commands, its help and its exit codes agree."""

from importlib import import_module
from typing import get_args

import pytest

from flowctl import exits, table
from flowctl.help import of_command, overview, usage
from flowd import errors
from flowproto.runs import RunState

COMMANDS = [
    ((command.name, *more), action)
    for command in table.COMMANDS
    for more, action in (
        [((action.name,), action) for action in command.actions] or [((), command)]
    )
]
IDS = [" ".join(path) for path, _ in COMMANDS]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_every_command_has_its_function(path: tuple[str, ...], command: table.Command) -> None:
    module = import_module(f"flowctl.commands.{command.module}")
    assert callable(getattr(module, command.function))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_help_names_everything_a_command_takes(
    path: tuple[str, ...], command: table.Command
) -> None:
    page = of_command(path, command)
    assert page.startswith(f"usage: {usage(path, command)}")
    for argument in command.arguments:
        assert argument.help in page
        assert (argument.name if argument.is_option else argument.value) in page
    assert max(map(len, page.splitlines()[2:])) <= 100


def test_the_overview_names_every_command_and_exit_code() -> None:
    page = overview()
    for command in table.COMMANDS:
        assert f"\n  {command.name} " in page
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 130):
        assert f"{code} " in page


def test_no_two_options_of_a_command_share_a_spelling() -> None:
    for path, command in COMMANDS:
        options = [a for a in (*command.arguments, *table.GLOBAL_OPTIONS) if a.is_option]
        spellings = [s for option in options for s in (option.name, option.short) if s]
        assert len(spellings) == len(set(spellings)), path


def test_the_states_that_history_takes_are_the_states_there_are() -> None:
    history = table.find("history")
    assert history is not None
    states = next(argument for argument in history.arguments if argument.name == "--state")
    assert states.choices == get_args(RunState)


def all_errors(kind: type[errors.FlowError]) -> list[type[errors.FlowError]]:
    return [kind, *(found for sub in kind.__subclasses__() for found in all_errors(sub))]


def test_exit_codes_of_the_daemons_errors() -> None:
    by_code = {kind.code: exits.of_error(kind.code) for kind in all_errors(errors.CallerError)}
    assert by_code == {
        "caller_error": 2,
        "invalid_workflow": 3,
        "invalid_input": 2,
        "not_found": 6,
        "conflict": 6,
        "blocked_by_policy": 4,
        "preflight_failed": 3,
        "untrusted_folder": 5,
        "unsupported": 2,
    }
    assert exits.of_error("provider_failed") == 7
    for code in ("store_unavailable", "spawn_failed", "bug", "unreachable", "busy"):
        assert exits.of_error(code) == 8


def test_exit_codes_of_states_and_verdicts() -> None:
    assert [exits.of_state(s) for s in ("succeeded", "failed", "cancelled")] == [0, 1, 130]
    assert [exits.of_state(s) for s in ("compensated", "compensation_failed")] == [1, 1]
    assert [exits.of_verdict(v) for v in ("allow", "confirm", "block")] == [0, 5, 4]
