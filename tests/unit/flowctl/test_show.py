"""What `flowctl show` says of a step."""

from flowctl.commands.show import _step_lines
from flowproto.runs import AttemptRow, StepRow
from support.recorded_runs import FixedConsole


def test_nobody_knows_how_long_a_lost_attempt_took():
    attempts = [
        AttemptRow(attempt=1, kind="run", state="lost", duration_ms=0, reason="power was lost"),
        AttemptRow(attempt=1, kind="check", state="timed_out", duration_ms=3000),
    ]
    step = StepRow(id="a", name="", state="lost", run="true", duration_ms=0, attempts=attempts)
    assert _step_lines(step, FixedConsole(80, 24)) == [
        "  a: lost",
        "    run 1: lost (power was lost)",
        "    check 1: timed out in 3.0s",
    ]
