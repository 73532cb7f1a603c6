"""The table of calls to providers: the `Books` port on SQLite."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apsw

from flowd.domain.usage import (
    Allowance,
    Call,
    CallRecord,
    Ended,
    Spent,
    UsageRow,
    objection,
)
from flowd.errors import OverBudget
from flowd.store.connection import Database, Writer

KEPT_DAYS = 400  # a year and a month, to compare with
_DAY_MS = 86_400_000

_INSERT = (
    "INSERT INTO provider_calls (request, provider, model, why, at, outcome, input_tokens,"
    " output_tokens, cached_tokens, cost, estimated, elapsed_ms, first_token_ms, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SPENT = (
    "SELECT coalesce(sum(input_tokens + output_tokens), 0), coalesce(sum(cost), 0)"
    " FROM provider_calls WHERE {} AND (? = '' OR provider = ?)"
)
_USAGE = """
    SELECT date(at / 1000, 'unixepoch', 'localtime') AS day, provider, model,
        sum(outcome NOT IN ('refused', 'cached')), sum(outcome = 'answered'),
        sum(outcome = 'failed'), sum(outcome = 'refused'), sum(outcome = 'cached'),
        sum(input_tokens), sum(output_tokens), sum(cached_tokens),
        coalesce(sum(cost), 0), sum(cost IS NULL)
    FROM provider_calls WHERE at >= ? GROUP BY day, provider, model
    ORDER BY day DESC, provider, model
"""
_CALLS = """
    SELECT request, provider, model, why, at, outcome, input_tokens, output_tokens, cached_tokens,
        cost, estimated, elapsed_ms, first_token_ms, detail
    FROM provider_calls ORDER BY call DESC LIMIT ?
"""


class StoredBooks:
    """See `flowd.domain.usage.Books`."""

    def __init__(self, writer: Writer, reader: Database):
        self._writer = writer
        self._reader = reader

    async def begin(self, call: Call, allowances: Sequence[Allowance], day_start: int) -> int:
        """Write a call down before it is made; see the port."""
        number, problem = await self._writer.run(_begin, call, tuple(allowances), day_start)
        if problem:
            raise OverBudget(
                f"{call.provider} is not asked: {problem}",
                cure="raise the budget in config.toml, or ask another provider; "
                "flowctl usage shows what was spent",
            )
        return number

    async def end(self, number: int, ended: Ended) -> None:
        """Write down how it ended; see the port."""
        await self._writer.run(_end, number, ended)

    async def note(self, call: Call, ended: Ended) -> None:
        """Write down what made no call; see the port."""
        await self._writer.run(_note, call, ended)

    async def spent(self, provider: str, since: int) -> Spent:
        """What calls took; see the port."""
        return await self._reader.run(_spent, "at >= ?", since, provider)

    async def usage(self, since: int) -> list[UsageRow]:
        """By day, provider and model; see the port."""
        return await self._reader.run(_usage, since)

    async def calls(self, limit: int) -> list[CallRecord]:
        """The newest calls; see the port."""
        return await self._reader.run(_calls, limit)


def _begin(
    connection: apsw.Connection, call: Call, allowances: tuple[Allowance, ...], day_start: int
) -> tuple[int, str]:
    """Look at what is spent and write the call down, with nobody in between."""
    with connection:
        problem = _problem(connection, call, allowances, day_start)
        if problem:
            _insert(connection, call, _unmade(problem))
        else:
            _insert(connection, call, None)
        number = connection.last_insert_rowid()
        old = call.at - KEPT_DAYS * _DAY_MS
        connection.execute("DELETE FROM provider_calls WHERE at < ?", (old,))
    return number, problem


def _problem(
    connection: apsw.Connection, call: Call, allowances: tuple[Allowance, ...], day_start: int
) -> str:
    for provider, budget in ((each.provider, each.budget) for each in allowances):
        in_request = _spent(connection, "request = ?", call.request, provider)
        today = _spent(connection, "at >= ?", day_start, provider)
        problem = objection(call, budget, in_request, today)
        if problem:
            return problem if provider else f"{problem}, of all providers together"
    return ""


def _end(connection: apsw.Connection, number: int, ended: Ended) -> None:
    with connection:
        connection.execute(
            "UPDATE provider_calls SET outcome = ?, input_tokens = ?, output_tokens = ?,"
            " cached_tokens = ?, cost = ?, estimated = ?, elapsed_ms = ?, first_token_ms = ?,"
            " detail = ? WHERE call = ?",
            (*_values(ended), number),
        )


def _note(connection: apsw.Connection, call: Call, ended: Ended) -> None:
    with connection:
        _insert(connection, call, ended)


def _insert(connection: apsw.Connection, call: Call, ended: Ended | None) -> None:
    most = ("open", call.input_tokens, call.output_tokens, 0, call.cost, 1, None, None, "")
    values = most if ended is None else _values(ended)
    begun = (call.request, call.provider, call.model, call.why, call.at)
    connection.execute(_INSERT, (*begun, *values))


def _values(ended: Ended) -> tuple[str | int | None, ...]:
    return (
        ended.outcome,
        ended.input_tokens,
        ended.output_tokens,
        ended.cached_tokens,
        ended.cost,
        int(ended.estimated),
        ended.elapsed_ms,
        ended.first_token_ms,
        ended.detail,
    )


def _unmade(problem: str) -> Ended:
    return Ended(
        outcome="refused",
        input_tokens=0,
        output_tokens=0,
        cost=0,
        estimated=False,
        elapsed_ms=0,
        detail=problem,
    )


def _spent(connection: apsw.Connection, condition: str, value: str | int, provider: str) -> Spent:
    (row,) = connection.execute(_SPENT.format(condition), (value, provider, provider))
    return Spent(*row)


def _usage(connection: apsw.Connection, since: int) -> list[UsageRow]:
    rows = connection.execute(_USAGE, (since,))
    return [UsageRow(**dict(zip(UsageRow.__struct_fields__, row, strict=True))) for row in rows]


def _calls(connection: apsw.Connection, limit: int) -> list[CallRecord]:
    return [
        CallRecord(
            call=Call(
                request=row["request"],
                provider=row["provider"],
                model=row["model"],
                why=row["why"],
                at=row["at"],
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
                cost=row["cost"],
            ),
            ended=None if row["outcome"] == "open" else _ended(row),
        )
        for row in _named(connection.execute(_CALLS, (limit,)))
    ]


def _ended(row: Mapping[str, Any]) -> Ended:
    return Ended(
        outcome=row["outcome"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cached_tokens=row["cached_tokens"],
        cost=row["cost"],
        estimated=bool(row["estimated"]),
        elapsed_ms=row["elapsed_ms"] or 0,
        first_token_ms=row["first_token_ms"],
        detail=row["detail"],
    )


def _named(cursor: apsw.Cursor) -> Iterator[Mapping[str, Any]]:
    for row in cursor:
        names = [name for name, *_ in cursor.description]
        yield dict(zip(names, row, strict=True))
