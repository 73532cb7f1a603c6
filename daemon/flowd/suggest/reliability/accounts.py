"""Where the calls of one question are written down, and what they may take."""

import logging
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio
from msgspec import Struct

from flowd.clocks import start_of_day, wall_clock_ms
from flowd.domain.usage import Allowance, Books, Budget, Call, Ended, Outcome, Price, Tokens, Why
from flowd.errors import OverBudget, StoreUnavailable
from flowd.suggest.providers.heard import Heard

_logger = logging.getLogger(__name__)
_BYTES_A_TOKEN = 3  # fewer than in any language we know of, so that estimates are on the safe side


class Account(Struct, frozen=True):
    """One question's page in the books. `budget` is that of all providers together."""

    books: Books
    request: str
    why: Why = "first"
    budget: Budget = Budget()
    now_ms: Callable[[], int] = wall_clock_ms


class Entry:
    """A call while it is made. Whoever makes it says how it ended; "left" is the default."""

    def __init__(self) -> None:
        self.outcome: Outcome = "left"
        self.detail = ""
        self.start = trio.current_time()
        self.began_at: float | None = None

    def began(self) -> None:
        """The first word of the answer has come."""
        if self.began_at is None:
            self.began_at = trio.current_time()


@asynccontextmanager
async def written_down(
    account: Account | None, call: Call, price: Price | None, own: Budget, heard: Heard
) -> AsyncIterator[Entry]:
    """Write a call down before it is made and, whatever becomes of it, what it took.

    OverBudget when it must not be made. Where nothing can be written, calls are made only if
    nothing limits them.
    """
    number = None if account is None else await _begin(account, call, own)
    entry = Entry()
    try:
        yield entry
    finally:
        if account is not None and number is not None:
            ended = _ended(entry, call, price, heard)
            try:
                await account.books.end(number, ended)
            except StoreUnavailable as error:
                _logger.warning("the end of a call is not written down: %s", error.message)


async def note_unmade(account: Account | None, call: Call, outcome: Outcome, detail: str) -> None:
    """Write down what made no call."""
    if account is None:
        return
    ended = Ended(
        outcome=outcome,
        input_tokens=0,
        output_tokens=0,
        cost=0,
        estimated=False,
        elapsed_ms=0,
        detail=detail,
    )
    try:
        await account.books.note(call, ended)
    except StoreUnavailable as error:
        _logger.warning("what became of a request is not written down: %s", error.message)


async def _begin(account: Account, call: Call, own: Budget) -> int | None:
    allowances = [Allowance(call.provider, own), Allowance("", account.budget)]
    limited = [each for each in allowances if each.budget != Budget()]
    try:
        return await account.books.begin(call, limited, start_of_day(call.at))
    except StoreUnavailable as error:
        if limited:
            raise OverBudget(
                f"{call.provider} is not asked: what it takes could not be written down",
                cure=error.cure,
            ) from error
        _logger.warning("a call to %s is not written down: %s", call.provider, error.message)
        return None


def _ended(entry: Entry, call: Call, price: Price | None, heard: Heard) -> Ended:
    """Say what a call took: as the server told, else estimated; nothing when it was refused."""
    refused = entry.outcome == "failed" and not heard.text
    estimate = Tokens() if refused else Tokens(call.input_tokens, tokens_in([heard.text]))
    tokens = heard.tokens or estimate
    now = trio.current_time()
    return Ended(
        outcome=entry.outcome,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached_tokens=tokens.cached,
        cost=cost_of(price, tokens),
        estimated=not refused and heard.tokens is None,
        elapsed_ms=round((now - entry.start) * 1000),
        first_token_ms=None
        if entry.began_at is None
        else round((entry.began_at - entry.start) * 1000),
        detail=entry.detail,
    )


def cost_of(price: Price | None, tokens: Tokens) -> int | None:
    """Give what tokens cost in millionths of a dollar; None when nobody knows the price."""
    if price is None:
        return None
    return price.cost(tokens)


def tokens_in(texts: Sequence[str]) -> int:
    """Estimate the tokens of texts, rather too many than too few."""
    return math.ceil(sum(len(text.encode(errors="replace")) for text in texts) / _BYTES_A_TOKEN)
