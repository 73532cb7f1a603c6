"""`flowctl daemon install | uninstall`: let systemd keep the daemon, for this user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from flowctl import exits
from flowctl.exits import Failure, UsageError
from flowproto.starting import find_flowd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console

SERVICE = "flowd.service"
SOCKET = "flowd.socket"
_CURE_WHEN_GIVEN_UP = f"""\
systemd has given up on flowd after several failures; what was wrong:
  systemctl --user status flowd
  journalctl --user -u flowd
once that is mended, hand back to systemd:
  flowctl daemon stop
  systemctl --user reset-failed {SERVICE} {SOCKET}
  systemctl --user start {SOCKET}"""
# What systemd calls special in the name of a program, and bytes that are not UTF-8.
_NOT_FOR_SYSTEMD = re.compile(r"""["'\\\x00-\x1f\x7f\ud800-\udfff]""")


def install(arguments: Arguments, console: Console) -> int:
    """Write the units and switch them on; say every step that was done."""
    _refuse_flow_home()
    _require_systemd()
    folder = unit_folder()
    texts = units(find_flowd())
    done = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        done.append(f"wrote {folder / name}")
    done.append(_systemctl("daemon-reload"))
    if not _is_active(SOCKET):
        _stop_other_daemon(arguments, console)
    done.append(_systemctl("enable", "--now", SOCKET))
    done.append(_systemctl("enable", SERVICE))
    _tell(done, console)
    if not _lingers() and not console.json:
        console.say(
            "runs go on at your next login; to have them go on right after a reboot: "
            "loginctl enable-linger",
            "dim",
        )
    return exits.DONE


def uninstall(arguments: Arguments, console: Console) -> int:
    """Switch the units off and remove them. Running steps go on; the daemon is stopped."""
    _require_systemd()
    folder = unit_folder()
    present = [name for name in (SOCKET, SERVICE) if (folder / name).exists()]
    done = [_systemctl("disable", "--now", *present)] if present else []
    for name in present:
        (folder / name).unlink()
        done.append(f"removed {folder / name}")
    if present:
        done.append(_systemctl("daemon-reload"))
    _tell(done or ["nothing was installed"], console)
    return exits.DONE


def units(program: str) -> dict[str, str]:
    """Give the unit files by name, with the daemon's program in its place.

    Failure when systemd cannot start a program with that path, however it is written.
    """
    if _NOT_FOR_SYSTEMD.search(program):
        raise Failure(
            "systemd starts no program whose path holds quotes, backslashes, control characters "
            f"or bytes that are not UTF-8: {program!r}",
            code="unsupported",
            cure="install Flow into a folder without them; until then the daemon starts by itself "
            "when it is needed",
        )
    folder = Path(__file__).parent.parent / "units"
    # `%` starts a specifier. `$` is doubled in arguments only: a program's path has no variables.
    escaped = program.replace("%", "%%")
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in (SERVICE, SOCKET)}
    first, _, rest = texts[SERVICE].partition("\n\n")
    if first.startswith("#"):  # the remark that this is a template
        texts[SERVICE] = rest
    texts[SERVICE] = texts[SERVICE].replace("@FLOWD@", escaped)
    return texts


def unit_folder() -> Path:
    """Give the folder of the user's own units."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "systemd" / "user"


def has_systemd() -> bool:
    """Whether a systemd of this user runs and can be spoken to."""
    if shutil.which("systemctl") is None:
        return False
    asked = ["systemctl", "--user", "show-environment"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def cure_when_given_up() -> str:
    """Say how to go on when systemd no longer tries to start the daemon; "" when it does."""
    if "FLOW_HOME" in os.environ or not (unit_folder() / SOCKET).exists():
        return ""
    # The service may fail and be tried again; the socket fails once systemd has given up on both.
    asked = ["systemctl", "--user", "is-failed", "--quiet", SOCKET]
    try:
        failed = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        return ""  # no systemd any more
    return _CURE_WHEN_GIVEN_UP if failed else ""


def _refuse_flow_home() -> None:
    if "FLOW_HOME" in os.environ:
        raise UsageError(
            "FLOW_HOME is set, and the units serve the usual folders",
            cure="unset FLOW_HOME first; with it the daemon starts by itself when it is needed",
        )


def _require_systemd() -> None:
    if not has_systemd():
        raise Failure(
            "no systemd of this user answers",
            code="unsupported",
            cure="nothing is lost: flowctl starts the daemon whenever it is needed",
        )


def _stop_other_daemon(arguments: Arguments, console: Console) -> None:
    """Stop a daemon that flowctl started: it has the socket that systemd is to listen on."""
    from flowctl.commands.daemon import stop_running
    from flowctl.connect import Daemon

    stop_running(Daemon(arguments, console))


def _systemctl(*words: str) -> str:
    """Run systemctl and give what was run; Failure with its complaint."""
    command = ["systemctl", "--user", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise Failure(
            f"{' '.join(command)} failed: {ran.stderr.strip()}",
            code="world_error",
            cure="see systemctl --user status flowd.socket flowd.service",
        )
    return " ".join(command)


def _is_active(unit: str) -> bool:
    command = ["systemctl", "--user", "is-active", "--quiet", unit]
    return subprocess.run(command, check=False).returncode == 0


def _lingers() -> bool:
    asked = ["loginctl", "show-user", str(os.getuid()), "--property", "Linger", "--value"]
    try:
        ran = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return True  # nobody to ask: say nothing
    return ran.stdout.strip() != "no"


def _tell(done: list[str], console: Console) -> None:
    if console.json:
        console.print_json({"done": done})
    else:
        console.print("\n".join(done))
