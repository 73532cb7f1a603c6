"""A session bus of the test's own, and a desktop on it that notes what it is asked to show."""

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from jeepney import HeaderFields, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.trio import DBusConnection, open_dbus_connection

NAME = "org.freedesktop.Notifications"
# No folder of services: a desktop that this machine has installed must not be started by the bus.
SETTINGS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""


@contextmanager
def session_bus(folder: Path) -> Iterator[str]:
    """Run a real bus; give its address. Skips where dbus-daemon is not installed."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("needs dbus-daemon: apt-get install dbus-daemon")
    settings = folder / "bus.conf"
    settings.write_text(SETTINGS.format(socket=folder / "bus"))
    ready, said = os.pipe()
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={settings}", "--nofork", f"--print-address={said}"],
        pass_fds=[said],
    )
    os.close(said)
    with os.fdopen(ready) as announced:
        assert announced.readline(), "the bus did not come up"
    try:
        yield f"unix:path={folder / 'bus'}"
    finally:
        bus.send_signal(signal.SIGTERM)
        bus.wait()


class Desktop:
    """What was shown, by number, and what was taken away."""

    def __init__(self, *abilities: str) -> None:
        self.abilities = list(abilities)
        self.shown: list[tuple[str, str]] = []
        self.closed: list[int] = []

    async def serve(self, bus: DBusConnection) -> None:
        """Answer as desktops do."""
        while True:
            call = await bus.receive()
            if call.header.message_type is not MessageType.method_call:
                continue
            await bus.send(self._answer(call))

    def _answer(self, call: Any) -> Any:
        match call.header.fields[HeaderFields.member]:
            case "GetCapabilities":
                return new_method_return(call, "as", (self.abilities,))
            case "Notify":
                self.shown.append((call.body[3], call.body[4]))
                return new_method_return(call, "u", (len(self.shown),))
            case "CloseNotification":
                self.closed.append(call.body[0])
                return new_method_return(call)
            case other:
                return new_error(call, f"{NAME}.Error.Unknown", "s", (other,))


@asynccontextmanager
async def desktop_on(address: str, *abilities: str) -> AsyncIterator[Desktop]:
    """A desktop for as long as the block lasts."""
    bus = await open_dbus_connection(address)
    desktop = Desktop(*abilities)
    async with bus, trio.open_nursery() as nursery:
        await bus.send(message_bus.RequestName(NAME))
        nursery.start_soon(desktop.serve, bus)
        yield desktop
        nursery.cancel_scope.cancel()
