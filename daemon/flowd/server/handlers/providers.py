"""Providers: how they stand, whether one works, what they took."""

from flowd.clocks import start_of_day, wall_clock_ms
from flowd.domain.suggestions import ProviderState
from flowd.domain.usage import MICRODOLLARS, Budget, CallRecord, Price, Spent, UsageRow
from flowd.server.contexts import ProvidersContext
from flowd.server.handlers.suggest import LONGEST_WAIT_MS, within
from flowproto import providers as p
from flowproto.daemon import Empty

MOST_DAYS = 400
MOST_CALLS = 1000
TEST_SECONDS = 30.0  # a model that is loaded only now needs more than the usual deadline


async def handle_providers(params: Empty, context: ProvidersContext) -> p.ProvidersResult:
    """Every provider that can be asked for by name."""
    states = await context.suggester.providers()
    spent = await context.books.spent("", start_of_day(wall_clock_ms()))
    budget = context.config.budget
    return p.ProvidersResult(
        providers=[_state_row(state) for state in states],
        fallback=context.config.fallback,
        budget=_budget_row(budget, spent) if budget != Budget() else None,
    )


async def handle_test(
    params: p.ProviderTestParams, context: ProvidersContext
) -> p.ProviderTestResult:
    """Ask one provider a small question; that it failed is an answer, too."""
    seconds = TEST_SECONDS
    if params.deadline_ms is not None:
        within("deadline_ms", params.deadline_ms, 1, LONGEST_WAIT_MS)
        seconds = params.deadline_ms / 1000
    tried = await context.suggester.try_provider(params.provider, seconds)
    return p.ProviderTestResult(
        provider=tried.provider,
        elapsed_ms=tried.elapsed_ms,
        title=tried.title,
        error=tried.error,
        cure=tried.cure,
        calls=[_call_row(call) for call in reversed(tried.calls)],
    )


async def handle_usage(params: p.UsageParams, context: ProvidersContext) -> p.UsageResult:
    """What was taken, by day, provider and model."""
    within("days", params.days, 1, MOST_DAYS)
    within("calls", params.calls, 0, MOST_CALLS)
    rows = await context.books.usage(start_of_day(wall_clock_ms(), params.days - 1))
    calls = await context.books.calls(params.calls) if params.calls else []
    return p.UsageResult(
        usage=[_usage_row(row) for row in rows],
        dollars=_dollars(sum(row.cost for row in rows)),
        calls=[_call_row(call) for call in calls],
    )


def _state_row(state: ProviderState) -> p.ProviderStateRow:
    budget = state.budget
    return p.ProviderStateRow(
        name=state.name,
        kind=state.kind,
        asked=state.asked,
        configured=state.configured,
        usable=state.usable,
        problem=state.problem,
        cure=state.cure,
        model=state.model,
        address=state.address,
        breaker=state.breaker,
        rests_ms=round(state.rests_seconds * 1000),
        price=_price_row(state.price) if state.price is not None else None,
        budget=_budget_row(budget, state.spent_today) if budget and budget != Budget() else None,
        tokens_today=state.spent_today.tokens,
        dollars_today=_dollars(state.spent_today.cost),
    )


def _price_row(price: Price) -> p.PriceRow:
    return p.PriceRow(input=price.input, output=price.output, cached=price.cached)


def _budget_row(budget: Budget, spent: Spent) -> p.BudgetRow:
    tokens, dollars = budget.tokens_per_day, budget.dollars_per_day
    return p.BudgetRow(
        tokens_per_request=budget.tokens_per_request,
        tokens_per_day=tokens,
        dollars_per_request=budget.dollars_per_request,
        dollars_per_day=dollars,
        tokens_left_today=max(0, tokens - spent.tokens) if tokens else None,
        dollars_left_today=max(0.0, dollars - _dollars(spent.cost)) if dollars else None,
    )


def _call_row(record: CallRecord) -> p.CallRow:
    call, ended = record.call, record.ended
    return p.CallRow(
        request=call.request,
        provider=call.provider,
        model=call.model,
        why=call.why,
        at=call.at,
        outcome=ended.outcome if ended else "open",
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cached_tokens=ended.cached_tokens if ended else 0,
        dollars=None if call.cost is None else _dollars(call.cost),
        estimated=ended.estimated if ended else True,
        elapsed_ms=ended.elapsed_ms if ended else None,
        first_token_ms=ended.first_token_ms if ended else None,
        detail=ended.detail if ended else "",
    )


def _usage_row(row: UsageRow) -> p.UsageRow:
    return p.UsageRow(
        day=row.day,
        provider=row.provider,
        model=row.model,
        calls=row.calls,
        answered=row.answered,
        failed=row.failed,
        refused=row.refused,
        cached=row.cached,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cached_tokens=row.cached_tokens,
        dollars=_dollars(row.cost),
        unpriced=row.unpriced,
    )


def _dollars(microdollars: int) -> float:
    return microdollars / MICRODOLLARS
