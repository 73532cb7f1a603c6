"""The circuit breaker, its bucket and its pauses: state machines on a clock of the test's."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.suggest.reliability.breaker import FAILURES, FIRST_REST, LONGEST_REST, Breaker
from flowd.suggest.reliability.bucket import Bucket
from flowd.suggest.reliability.pauses import TRIES, pause_before_next, retry_after_of


def broken(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(now)
    return breaker


def test_a_few_failures_open_it_and_one_answer_forgets_them():
    breaker = Breaker()
    breaker.failed(0)
    breaker.failed(0)
    breaker.answered()
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.rests_for(0) == 0
    breaker.failed(0)
    assert breaker.rests_for(0) == FIRST_REST


def test_after_the_rest_one_probe_goes_out_and_the_others_wait():
    breaker = broken()
    assert breaker.rests_for(FIRST_REST) == 0
    breaker.begin(FIRST_REST)
    assert breaker.state == "probing"
    assert breaker.rests_for(FIRST_REST) > 0
    breaker.answered()
    assert (breaker.state, breaker.rests_for(FIRST_REST)) == ("closed", 0)


def test_a_probe_that_fails_doubles_the_rest_up_to_a_bound():
    breaker, now = broken(), 0.0
    rests = []
    for _ in range(8):
        rests.append(breaker.rests_for(now))
        now += rests[-1]
        breaker.begin(now)
        breaker.failed(now)
    assert rests[:4] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST]
    assert rests[-1] == LONGEST_REST


def test_a_probe_nobody_waits_for_any_more_locks_nobody_out():
    breaker = broken()
    breaker.begin(FIRST_REST)
    breaker.given_up(FIRST_REST)
    assert breaker.rests_for(FIRST_REST) == 0
    breaker.begin(FIRST_REST)
    assert breaker.state == "probing"


def test_a_time_the_server_names_is_kept_to():
    breaker = Breaker()
    breaker.wait_until(30)
    assert breaker.rests_for(10) == 20
    assert breaker.rests_for(30) == 0


@given(
    st.lists(st.sampled_from(["begin", "answered", "failed", "given_up", "wait"]), max_size=40),
    st.lists(st.floats(0, 400), min_size=40, max_size=40),
)
def test_whatever_happens_it_asks_again_some_time(happenings: list[str], pauses: list[float]):
    breaker, now = Breaker(), 0.0
    for happening, pause in zip(happenings, pauses, strict=False):
        now += pause
        match happening:
            case "begin" if not breaker.rests_for(now):
                breaker.begin(now)
            case "answered":
                breaker.answered()
            case "failed":
                breaker.failed(now)
            case "given_up":
                breaker.given_up(now)
    if breaker.state == "probing":
        breaker.given_up(now)
    assert breaker.rests_for(now + LONGEST_REST) == 0


def test_a_bucket_lets_a_burst_through_and_then_so_many_a_minute():
    bucket = Bucket(30)
    assert [bucket.take(0) for _ in range(5)] == [0] * 5
    assert [round(bucket.take(0), 6) for _ in range(2)] == [2, 4]
    bucket.put_back()
    assert round(bucket.take(2), 6) == 2


def test_a_bucket_without_a_bound_lets_everything_through():
    bucket = Bucket(0)
    assert [bucket.take(0) for _ in range(100)] == [0] * 100


@given(st.lists(st.floats(0, 30), min_size=1, max_size=100), st.integers(1, 120))
def test_no_more_go_through_a_bucket_than_it_says(pauses: list[float], per_minute: int):
    bucket, now, used = Bucket(per_minute), 0.0, []
    for pause in pauses:
        now += pause
        used.append(now + bucket.take(now))
    burst = max(1.0, per_minute / 6)
    for first in used:
        within = sum(first <= each < first + 60 for each in used)
        assert within <= per_minute + burst + 1


def test_pauses_grow_end_and_never_cross_the_deadline():
    assert pause_before_next(1, None, 10, 0) == 0.25
    assert pause_before_next(2, None, 10, 1) == 0.75
    assert pause_before_next(TRIES, None, 10, 0) is None
    assert pause_before_next(1, None, 0.5, 0) is None
    assert pause_before_next(1, 5, 4, 0) is None
    assert pause_before_next(1, 2, 4, 0) == pytest.approx(2.01)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "150", "retry-after": "9"}, 0.15),
        ({"retry-after": "Fri, 27 Nov 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 27 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "999999999"}, 86400.0),
    ],
)
def test_retry_after_is_seconds_milliseconds_or_a_date(
    headers: dict[str, str], seconds: float | None
):
    now = datetime(2026, 11, 27, 10, 0, 0, tzinfo=UTC)
    assert retry_after_of(headers, now) == seconds
