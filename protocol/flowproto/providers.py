"""Who can be asked for suggestions, and what asking took."""

from typing import Literal

from msgspec import Struct, field


class BudgetRow(Struct, kw_only=True):
    """A limit and what is left of it. Dollars; 0 does not limit, and `left` is then null."""

    tokens_per_request: int
    tokens_per_day: int
    dollars_per_request: float
    dollars_per_day: float
    tokens_left_today: int | None = None
    dollars_left_today: float | None = None


class PriceRow(Struct, kw_only=True):
    """Dollars for a million tokens; `cached` for input the server had read before."""

    input: float
    output: float
    cached: float | None = None


class ProviderStateRow(Struct, kw_only=True):
    """A provider as it stands. When it is not `usable`, `problem` says why and `cure` what helps.

    `asked` tells whether it is asked when none is named, `configured` those that the settings name,
    or that need no settings, from kinds that could be set up. `breaker` is `open` while it is left
    alone, for `rests_ms` more. `price` null: nobody knows, or it has no model.
    """

    name: str
    kind: str
    asked: bool
    configured: bool
    usable: bool
    problem: str = ""
    cure: str = ""
    model: str = ""
    address: str = ""
    breaker: Literal["closed", "open", "probing"] = "closed"
    rests_ms: int = 0
    price: PriceRow | None = None
    budget: BudgetRow | None = None
    tokens_today: int = 0
    dollars_today: float = 0.0


class ProvidersResult(Struct, kw_only=True):
    """`fallback` is the order in which some are asked one after the other."""

    providers: list[ProviderStateRow]
    fallback: list[str] = field(default_factory=list)
    budget: BudgetRow | None = None


class ProviderTestParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`flow/providers/test`. Asks one provider a small question, for real; it may cost."""

    provider: str
    deadline_ms: int | None = None


class CallRow(Struct, kw_only=True):
    """One request to a server. `outcome` `open`: under way, or its daemon was killed.

    `why`: `first`, `fallback` (those before it failed), `hedge` (they were late), `retry`,
    `repair` (its answer was not usable), `another` (a further candidate) or `test`. `at` in
    milliseconds since the epoch; `dollars` null when nobody knows the price; `estimated` when the
    server did not tell.
    """

    request: str
    provider: str
    model: str
    why: str
    at: int
    outcome: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    dollars: float | None
    estimated: bool
    elapsed_ms: int | None = None
    first_token_ms: int | None = None
    detail: str = ""


class ProviderTestResult(Struct, kw_only=True):
    """`error` is empty when it gave a usable suggestion, whose title is `title`."""

    provider: str
    elapsed_ms: float
    title: str = ""
    error: str = ""
    cure: str = ""
    calls: list[CallRow] = field(default_factory=list)


class UsageParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`flow/usage`. The last `days`, today included; `calls` also gives so many of the newest."""

    days: int = 30
    calls: int = 0


class UsageRow(Struct, kw_only=True):
    """What a model took on a day (`YYYY-MM-DD`).

    `calls` were made, of which some `answered` and some `failed`; `refused` were not made, for a
    budget or because the server was left alone; `cached` were answered from memory. `unpriced`
    calls are not in `dollars`.
    """

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
    dollars: float
    unpriced: int


class UsageResult(Struct, kw_only=True):
    """Newest day first."""

    usage: list[UsageRow]
    dollars: float
    calls: list[CallRow] = field(default_factory=list)
