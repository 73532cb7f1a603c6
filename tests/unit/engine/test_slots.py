"""Who gets the next place for a process."""

from collections import Counter

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from flowd.engine.slots import Slots


async def test_a_run_of_many_steps_holds_up_nobody():
    slots = Slots(1, None)
    await slots.take("first")
    async with trio.open_nursery() as nursery:
        served: list[str] = []

        async def step(run: str) -> None:
            await slots.take(run)
            served.append(run)
            slots.give_back(run)

        for run in ["big"] * 5 + ["small", "other"] + ["small"]:
            nursery.start_soon(step, run)
            await trio.testing.wait_all_tasks_blocked()
        slots.give_back("first")
    assert served == ["big", "small", "other", "big", "small", "big", "big", "big"]


async def test_a_run_gets_no_more_than_its_share_and_others_go_on():
    slots = Slots(3, 2)
    for run in ("a", "a", "b"):
        await slots.take(run)
    slots.give_back("b")
    with trio.move_on_after(0) as waiting:
        await slots.take("a")
    assert waiting.cancelled_caught
    await slots.take("b")


async def test_who_gives_up_waiting_takes_nobodys_place():
    slots = Slots(1, None)
    await slots.take("a")
    with trio.move_on_after(0):
        await slots.take("b")
    slots.give_back("a")
    with trio.fail_after(1):
        await slots.take("c")


async def test_more_room_is_given_out_at_once():
    slots = Slots(1, None)
    await slots.take("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slots.take, "b")
        await trio.testing.wait_all_tasks_blocked()
        slots.configure(2, None)
    with trio.move_on_after(0) as full:
        await slots.take("c")
    assert full.cancelled_caught


@pytest.mark.parametrize("most_per_run", [None, 1, 2])
@given(most=st.integers(1, 4), wanted=st.lists(st.sampled_from("abc"), max_size=20))
def test_limits_hold_and_everybody_is_served(most, most_per_run, wanted):
    async def main() -> None:
        slots = Slots(most, most_per_run)
        running: Counter[str] = Counter()
        done: list[str] = []

        async def step(run: str) -> None:
            await slots.take(run)
            running[run] += 1
            assert running.total() <= most
            assert running[run] <= (most_per_run or most)
            await trio.lowlevel.checkpoint()
            running[run] -= 1
            slots.give_back(run)
            done.append(run)

        async with trio.open_nursery() as nursery:
            for run in wanted:
                nursery.start_soon(step, run)
        assert sorted(done) == sorted(wanted)

    trio.run(main)
