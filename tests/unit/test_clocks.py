"""What is removed by age is not removed because a clock leapt."""

from flowd.clocks import BELIEVED_GAP_MS, AgeClock

DAY_MS = 24 * 60 * 60 * 1000
NOW_MS = 20_000 * DAY_MS


class Machine:
    """A wall clock that can be set, and an uptime that cannot."""

    def __init__(self):
        self.set_by = 0
        self.up = 1_000

    def clock(self):
        return AgeClock(lambda: NOW_MS + self.set_by + self.up, lambda: self.up)


def test_it_goes_with_the_machine():
    machine = Machine()
    clock = machine.clock()
    before = clock.now_ms()
    machine.up += 40 * DAY_MS
    assert clock.now_ms() == before + 40 * DAY_MS


def test_a_leap_ahead_is_not_believed():
    machine = Machine()
    clock = machine.clock()
    before = clock.now_ms()
    machine.set_by = 700 * DAY_MS
    assert clock.now_ms() == before


def test_a_clock_that_was_set_back_is_followed():
    machine = Machine()
    clock = machine.clock()
    before = clock.now_ms()
    machine.set_by = -700 * DAY_MS
    assert clock.now_ms() == before - 700 * DAY_MS


def test_of_a_leap_between_two_daemons_a_week_is_believed():
    machine = Machine()
    recorded = machine.clock().now_ms()
    machine.set_by = 700 * DAY_MS
    clock = machine.clock()
    clock.recorded_before(recorded)
    assert clock.now_ms() == recorded + BELIEVED_GAP_MS
    machine.up += 5
    assert clock.now_ms() == recorded + BELIEVED_GAP_MS + 5


def test_a_short_pause_counts_in_full():
    machine = Machine()
    recorded = machine.clock().now_ms()
    machine.set_by = 3 * DAY_MS
    clock = machine.clock()
    clock.recorded_before(recorded)
    assert clock.now_ms() == recorded + 3 * DAY_MS
