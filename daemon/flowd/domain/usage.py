"""What asking providers takes, and how much of it is allowed: tokens and money.

Money is counted in millionths of a dollar: a price in dollars for a million tokens is that many of
them for each token. A call is written down before it is made, with the most it can take, so no
crash makes one free; when it is over, with what it took.
"""

import math
from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

Why = Literal["first", "fallback", "hedge", "retry", "repair", "another", "test"]
Outcome = Literal["open", "answered", "failed", "left", "refused", "cached"]

MICRODOLLARS = 1_000_000


class Tokens(Struct, frozen=True):
    """What a request took. `cached` are those of `input` that the server had read before."""

    input: int = 0
    output: int = 0
    cached: int = 0


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars for a million tokens. `cached` is for input the server had read before."""

    input: float
    output: float
    cached: float | None = None

    def cost(self, tokens: Tokens) -> int:
        """Give the price of so many tokens, in millionths of a dollar, rounded up."""
        cached = self.input if self.cached is None else self.cached
        fresh = max(0, tokens.input - tokens.cached)
        return math.ceil(fresh * self.input + tokens.cached * cached + tokens.output * self.output)


FREE = Price(0.0, 0.0)


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent. 0 does not limit; a day is one of this machine's calendar."""

    tokens_per_request: int = 0
    tokens_per_day: int = 0
    dollars_per_request: float = 0.0
    dollars_per_day: float = 0.0


class Allowance(Struct, frozen=True):
    """A budget, and whose: a provider's, or "" for that of all together."""

    provider: str
    budget: Budget


class Spent(Struct, frozen=True):
    """What calls took, or may still take. `cost` in millionths of a dollar."""

    tokens: int = 0
    cost: int = 0


class Call(Struct, frozen=True, kw_only=True):
    """One request to a server, before it is made: the tokens and the cost are the most it can be.

    `request` is the question it is part of; `at` milliseconds since the epoch; `cost` None when
    nobody knows the price.
    """

    request: str
    provider: str
    model: str
    why: Why
    at: int
    input_tokens: int
    output_tokens: int
    cost: int | None


class Ended(Struct, frozen=True, kw_only=True):
    """How a call ended. `estimated` when the server did not tell the tokens. Times in ms."""

    outcome: Outcome
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cost: int | None
    estimated: bool
    elapsed_ms: int
    first_token_ms: int | None = None
    detail: str = ""


class CallRecord(Struct, frozen=True, kw_only=True):
    """A call as it was written down."""

    call: Call
    ended: Ended | None


class UsageRow(Struct, frozen=True, kw_only=True):
    """What one model took on one day (`YYYY-MM-DD`). `unpriced` calls are not in `cost`."""

    day: str
    provider: str
    model: str
    calls: int
    answered: int
    failed: int
    refused: int
    cached: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: int
    unpriced: int


class Books(Protocol):
    """Where calls are written down."""

    async def begin(self, call: Call, allowances: Sequence[Allowance], day_start: int) -> int:
        """Write a call down before it is made, and give its number.

        `day_start` is when today began, in milliseconds since the epoch. OverBudget when an
        allowance does not cover it; that is written down as well.
        """
        ...

    async def end(self, number: int, ended: Ended) -> None:
        """Write down how a call ended. Cannot be cancelled."""
        ...

    async def note(self, call: Call, ended: Ended) -> None:
        """Write down what made no call: an answer from the cache, a server left alone."""
        ...

    async def spent(self, provider: str, since: int) -> Spent:
        """What calls to a provider ("" for all) took since a time, open ones at their most."""
        ...

    async def usage(self, since: int) -> list[UsageRow]:
        """By day, provider and model, newest day first."""
        ...

    async def calls(self, limit: int) -> list[CallRecord]:
        """The newest calls, newest first."""
        ...


def objection(call: Call, budget: Budget, in_request: Spent, today: Spent) -> str:
    """Say which limit a call would pass, given what was spent before; "" when it may be made."""
    tokens = call.input_tokens + call.output_tokens
    counted = (
        (budget.tokens_per_request, in_request.tokens, "for one request"),
        (budget.tokens_per_day, today.tokens, "a day"),
    )
    for limit, before, what in counted:
        if limit and before + tokens > limit:
            return f"{before + tokens} tokens would be over the {limit} allowed {what}"
    paid = (
        (budget.dollars_per_request, in_request.cost, "for one request"),
        (budget.dollars_per_day, today.cost, "a day"),
    )
    for dollars, spent, what in paid:
        if not dollars:
            continue
        if call.cost is None:
            return f"nobody knows the price of {call.model or 'its model'}, and money is limited"
        if spent + call.cost > dollars * MICRODOLLARS:
            total = (spent + call.cost) / MICRODOLLARS
            return f"${total:.4f} would be over the ${dollars:g} allowed {what}"
    return ""
