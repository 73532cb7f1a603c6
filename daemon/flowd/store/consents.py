"""The tables of lasting agreements: the `Consents` port on SQLite."""

import json
from collections.abc import Iterator, Sequence

import apsw

from flowd.domain.consents import Approval, TrustedFolder
from flowd.domain.events import QuestionAnswered
from flowd.store.connection import Database, Writer

_SELECT = (
    "SELECT approval, key, rules, script, question, project, run, step, granted_at, expires_at,"
    " uses, last_used_at FROM approvals"
)


class StoredConsents:
    """See `flowd.domain.consents.Consents`."""

    def __init__(self, writer: Writer, reader: Database):
        self._writer = writer
        self._reader = reader

    async def trusted_folders(self) -> list[TrustedFolder]:
        """Folders that are trusted; see the port."""
        return await self._reader.run(_folders)

    async def trust(self, path: str, at: int) -> None:
        """Trust a folder; see the port."""
        await self._writer.run(_trust, path, at)

    async def distrust(self, path: str) -> bool:
        """Trust it no more; see the port."""
        return await self._writer.run(_distrust, path)

    async def approvals(self) -> list[Approval]:
        """Every approval; see the port."""
        return await self._reader.run(_all)

    async def revoke(self, approval: int) -> Approval | None:
        """Take one back; see the port."""
        return await self._writer.run(_revoke, approval)

    async def approvals_of(self, keys: Sequence[str]) -> list[Approval]:
        """Those with a key; see the port."""
        return await self._reader.run(_with_keys, tuple(keys))


def keep_answer(connection: apsw.Connection, run: str, event: QuestionAnswered) -> None:
    """Write down what an answer means beyond its run; part of the transaction that records it."""
    if event.approval:
        connection.execute(
            "UPDATE approvals SET uses = uses + 1, last_used_at = ? WHERE approval = ?",
            (event.at, event.approval),
        )
    granted = event.granted
    if granted is None or granted.keep.scope == "run":
        return
    # A newer answer to the same question takes the place of the older one, with a new number.
    connection.execute(
        "DELETE FROM approvals WHERE key = ? AND project = ?", (granted.key, granted.keep.project)
    )
    connection.execute(
        "INSERT INTO approvals (key, project, rules, script, question, run, step, granted_at,"
        " expires_at, uses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            granted.key,
            granted.keep.project,
            json.dumps(granted.rules),
            granted.script,
            granted.question,
            run,
            event.step,
            event.at,
            granted.keep.expires_at,
        ),
    )


def _folders(connection: apsw.Connection) -> list[TrustedFolder]:
    rows = connection.execute("SELECT path, trusted_at FROM trusted_folders ORDER BY path")
    return [TrustedFolder(path, at) for path, at in rows]


def _trust(connection: apsw.Connection, path: str, at: int) -> None:
    with connection:
        connection.execute("INSERT OR IGNORE INTO trusted_folders VALUES (?, ?)", (path, at))


def _distrust(connection: apsw.Connection, path: str) -> bool:
    with connection:
        connection.execute("DELETE FROM trusted_folders WHERE path = ?", (path,))
        removed = connection.changes()
    return removed > 0


def _all(connection: apsw.Connection) -> list[Approval]:
    return list(_rows(connection, "ORDER BY approval DESC", ()))


def _with_keys(connection: apsw.Connection, keys: tuple[str, ...]) -> list[Approval]:
    return [found for key in keys for found in _rows(connection, "WHERE key = ?", (key,))]


def _revoke(connection: apsw.Connection, approval: int) -> Approval | None:
    with connection:
        found = next(_rows(connection, "WHERE approval = ?", (approval,)), None)
        connection.execute("DELETE FROM approvals WHERE approval = ?", (approval,))
    return found


def _rows(
    connection: apsw.Connection, condition: str, bindings: tuple[str | int, ...]
) -> Iterator[Approval]:
    for number, key, rules, *rest in connection.execute(f"{_SELECT} {condition}", bindings):
        yield Approval(number, key, tuple(json.loads(rules)), *rest)
