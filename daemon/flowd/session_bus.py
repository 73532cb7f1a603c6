"""The desktop's notification service, on the D-Bus session bus.

As the Desktop Notifications Specification 1.2 has it. A connection is opened for each request and
closed after it; jeepney is imported when the first is made.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import trio
from msgspec import Struct

if TYPE_CHECKING:
    from jeepney.io.trio import DBusConnection  # type: ignore[import-untyped]  # it has no types

PATIENCE_SECONDS = 10.0
DESKTOP = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications")
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus")
_NOBODY = frozenset(f"{BUS[0]}.Error.{name}" for name in ("ServiceUnknown", "NameHasNoOwner"))
_BROKEN = (
    *(OSError, ValueError, RuntimeError, ExceptionGroup, msgspec.ValidationError),
    *(trio.TooSlowError, trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError),
)  # ExceptionGroup: jeepney greets the bus in a nursery of its own

T = TypeVar("T")


class Notification(Struct, frozen=True):
    """What is shown: plain text, a heading and what stands below it."""

    heading: str
    text: str


class NotShown(Exception):
    """The message says why; `nobody_there` when the bus is there and no desktop on it, yet."""

    def __init__(self, message: str, *, nobody_there: bool = False):
        super().__init__(message)
        self.nobody_there = nobody_there


def session_address() -> str:
    """Give the address of the user's session bus; empty when there is none."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if address:
        return "" if address.startswith("disabled:") else address  # as programs are kept off it
    folder = os.environ.get("XDG_RUNTIME_DIR", "")  # where systemd has it
    usual = Path(folder, "bus")
    return f"unix:path={usual}" if folder and usual.is_socket() else ""


async def show(address: str, notification: Notification) -> int:
    """Show a notification and give its number. NotShown says why it is not."""
    from html import escape  # half a megabyte, and most daemons never need it

    async with _connected(address) as bus:
        (abilities,) = await _call(bus, DESKTOP, "GetCapabilities", "", (), tuple[list[str]])
        text = notification.text
        if "body-markup" in abilities:
            text = escape(text, quote=False)
        shown = ("Flow", 0, "utilities-terminal", notification.heading, text)
        hints = {"urgency": ("y", 1)}
        # No buttons; it stays as long as the desktop thinks fit.
        wanted: tuple[object, ...] = (*shown, [], hints, -1)
        (number,) = await _call(bus, DESKTOP, "Notify", "susssasa{sv}i", wanted, tuple[int])
        return number


async def close(address: str, number: int) -> None:
    """Take a notification away; it may be gone already. NotShown when the desktop is."""
    async with _connected(address) as bus:
        await _call(bus, DESKTOP, "CloseNotification", "u", (number,), tuple[()])


async def wait_for_desktop(address: str) -> None:
    """Return once there is somebody on the bus who shows notifications. NotShown if it breaks."""
    rule = f"type='signal',sender='{BUS[0]}',member='NameOwnerChanged',arg0='{DESKTOP[0]}'"
    async with _connected(address, patient=True) as bus:
        await _call(bus, BUS, "AddMatch", "s", (rule,), tuple[()])
        (there,) = await _call(bus, BUS, "NameHasOwner", "s", (DESKTOP[0],), tuple[bool])
        while not there:
            body = (await bus.receive()).body
            there = len(body) == 3 and body[0] == DESKTOP[0] and bool(body[2])


@asynccontextmanager
async def _connected(address: str, *, patient: bool = False) -> AsyncIterator[DBusConnection]:
    """Lend a connection to the bus while the block lasts: not for long, unless `patient`."""
    from jeepney.io.trio import open_dbus_connection

    try:
        with trio.fail_after(PATIENCE_SECONDS):
            bus = await open_dbus_connection(address)
        try:
            with trio.fail_after(float("inf") if patient else PATIENCE_SECONDS):
                yield bus
        finally:
            bus.socket.close()
    except _BROKEN as error:
        raise NotShown(f"the session bus at {address} does not work: {error!r}") from error


async def _call(
    bus: DBusConnection,
    whom: tuple[str, str],
    method: str,
    signature: str,
    body: tuple[object, ...],
    result: type[T],
) -> T:
    """Call a method and give what it returns. NotShown when it is refused."""
    from jeepney import (  # type: ignore[import-untyped]  # likewise
        DBusAddress,
        HeaderFields,
        MessageType,
        new_method_call,
    )

    name, path = whom
    call = new_method_call(DBusAddress(path, name, name), method, signature or None, body)
    serial = next(bus.outgoing_serial)
    await bus.send(call, serial=serial)
    while True:
        reply = await bus.receive()
        fields = reply.header.fields
        if fields.get(HeaderFields.reply_serial) != serial:
            continue  # news for everybody
        if reply.header.message_type is MessageType.error:
            why = str(fields.get(HeaderFields.error_name, ""))
            raise NotShown(f"{name} refused {method}: {why}", nobody_there=why in _NOBODY)
        return msgspec.convert(reply.body, result)
