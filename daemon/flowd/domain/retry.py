"""How long to wait before another attempt."""

from flowd.domain.workflow import Retry, seconds


def delay_ms(rule: Retry, failed_attempts: int, chance: float) -> int:
    """Milliseconds before the next attempt, after `failed_attempts` (from 1) have failed.

    `chance` in [0, 1) places the jitter: 0.5 is none, the ends are the full share either way.
    """
    pause = seconds(rule.delay) * rule.backoff ** (failed_attempts - 1)
    pause = min(pause, seconds(rule.max_delay))
    pause *= 1 + rule.jitter * (2 * chance - 1)
    return max(0, round(pause * 1000))
