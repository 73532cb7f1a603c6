"""The books of calls to providers: what is spent, what is refused, and what a crash leaves."""

import time
from functools import partial

import pytest
import trio

from flowd.domain.usage import Allowance, Budget, Call, Ended, Price, Spent, Tokens
from flowd.errors import OverBudget
from flowd.store import open_log

NOON = int(time.mktime((2026, 11, 27, 12, 0, 0, 0, 0, -1)) * 1000)
MORNING = NOON - 12 * 3_600_000


@pytest.fixture
async def books(tmp_path):
    async with open_log(tmp_path / "flow.db") as opened:
        yield opened.books


def call(request="r", *, provider="p", at=NOON, cost=400, taken=100, given=300):
    return Call(
        request=request, provider=provider, model="m", why="first", at=at,
        input_tokens=taken, output_tokens=given, cost=cost,
    )  # fmt: skip


def ended(outcome="answered", *, taken=90, given=30, cost=50):
    return Ended(
        outcome=outcome, input_tokens=taken, output_tokens=given, cached_tokens=10, cost=cost,
        estimated=False, elapsed_ms=700, first_token_ms=200, detail="",
    )  # fmt: skip


def allowed(provider="p", **budget):
    return [Allowance(provider, Budget(**budget))]


async def test_a_call_counts_at_its_most_until_it_is_over(books):
    number = await books.begin(call(), [], MORNING)
    assert await books.spent("p", MORNING) == Spent(400, 400)
    await books.end(number, ended())
    assert await books.spent("p", MORNING) == Spent(120, 50)
    assert await books.spent("", MORNING) == Spent(120, 50)
    assert await books.spent("other", MORNING) == Spent()
    (record,) = await books.calls(10)
    assert record.ended == ended()


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"tokens_per_request": 799}, "800 tokens would be over the 799 allowed for one request"),
        ({"tokens_per_day": 1199}, "1200 tokens would be over the 1199 allowed a day"),
        ({"dollars_per_request": 0.0007}, "for one request"),
        ({"dollars_per_day": 0.0011}, "a day"),
    ],
)
async def test_what_would_be_over_a_budget_is_not_begun(books, budget, said):
    await books.begin(call(), [], MORNING)
    await books.begin(call("other"), [], MORNING)
    with pytest.raises(OverBudget, match=said) as refused:
        await books.begin(call(), allowed(**budget), MORNING)
    assert "flowctl usage" in refused.value.cure
    assert await books.spent("p", MORNING) == Spent(800, 800)
    newest = (await books.calls(1))[0]
    assert newest.ended.outcome == "refused"
    assert said in newest.ended.detail


async def test_exactly_the_budget_may_be_spent(books):
    await books.begin(call(), allowed(tokens_per_day=400, dollars_per_day=0.0004), MORNING)


async def test_yesterday_and_others_do_not_count_but_for_all_together(books):
    await books.begin(call(at=MORNING - 1), [], MORNING)
    await books.begin(call(provider="other"), [], MORNING)
    await books.begin(call(), allowed(tokens_per_day=400), MORNING)
    with pytest.raises(OverBudget, match="all providers together"):
        await books.begin(call(), allowed("", tokens_per_day=1000), MORNING)


async def test_money_is_not_spent_at_a_price_nobody_knows(books):
    with pytest.raises(OverBudget, match="nobody knows the price of m"):
        await books.begin(call(cost=None), allowed(dollars_per_day=100.0), MORNING)
    await books.begin(call(cost=None), allowed(tokens_per_day=1000), MORNING)


async def test_of_many_at_once_no_more_are_begun_than_the_budget_holds(books):
    begun = []

    async def begin(number):
        try:
            begun.append(await books.begin(call(str(number)), allowed(tokens_per_day=2000), 0))
        except OverBudget:
            return

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(begin, number)
    assert len(begun) == 5


async def test_what_a_killed_daemon_left_open_still_counts(tmp_path):
    opened = partial(open_log, tmp_path / "flow.db")
    async with opened() as log:
        await log.books.begin(call(), [], MORNING)
    async with opened() as log:
        assert await log.books.spent("", MORNING) == Spent(400, 400)
        (record,) = await log.books.calls(10)
        assert record.ended is None


async def test_usage_is_by_day_provider_and_model(books):
    for outcome in ("answered", "answered", "failed"):
        await books.end(await books.begin(call(), [], MORNING), ended(outcome))
    await books.end(await books.begin(call(cost=None), [], MORNING), ended(cost=None))
    await books.note(call(), ended("cached", taken=0, given=0, cost=0))
    await books.begin(call(at=NOON - 86_400_000, provider="old"), [], MORNING)
    today, before = await books.usage(0)
    assert (today.day, today.provider, today.model) == ("2026-11-27", "p", "m")
    assert (today.calls, today.answered, today.failed, today.cached) == (4, 3, 1, 1)
    assert (today.input_tokens, today.output_tokens, today.cost) == (360, 120, 150)
    assert today.unpriced == 1
    assert (before.day, before.provider) == ("2026-11-26", "old")
    assert len(await books.usage(MORNING)) == 1


async def test_after_a_year_and_a_month_it_is_forgotten(books):
    await books.begin(call(at=NOON - 401 * 86_400_000), [], MORNING)
    await books.begin(call(), [], MORNING)
    assert len(await books.calls(10)) == 1


def test_a_price_is_in_millionths_rounded_up():
    price = Price(1.0, 5.0, 0.1)
    assert price.cost(Tokens(1000, 200)) == 2000
    assert price.cost(Tokens(1000, 200, cached=900)) == 100 + 90 + 1000
    assert Price(0.3, 0).cost(Tokens(1, 0)) == 1
