"""The units that `flowctl daemon install` writes."""

from configparser import ConfigParser
from pathlib import Path

import pytest

from flowctl.commands.install import SERVICE, SOCKET, unit_folder, units
from flowctl.exits import Failure


def test_they_are_the_packaged_ones_with_the_programs_path() -> None:
    written = units("/opt/flow/bin/flowd")
    assert set(written) == {SERVICE, SOCKET}
    assert "@FLOWD@" not in written[SERVICE]
    reader = ConfigParser(strict=False, interpolation=None)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(written[SERVICE])
    assert reader["Service"]["ExecStart"] == '"/opt/flow/bin/flowd"'


def test_a_path_is_taken_literally() -> None:
    line = next(
        line for line in units("/a b/100%/$x/flowd")[SERVICE].splitlines() if "ExecStart" in line
    )
    assert line == 'ExecStart="/a b/100%%/$x/flowd"'


@pytest.mark.parametrize("odd", ['"', "'", "\\", "\n", "\x7f", "\udcff"])
def test_a_path_that_systemd_refuses_is_refused_early(odd: str) -> None:
    with pytest.raises(Failure) as refused:
        units(f"/opt/a{odd}b/flowd")
    assert "systemd starts no program" in refused.value.message
    assert "install Flow into a folder without them" in refused.value.cure


def test_where_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    assert unit_folder() == Path("/x/systemd/user")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/dev")
    assert unit_folder() == Path("/home/dev/.config/systemd/user")
