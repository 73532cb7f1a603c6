"""SIGKILL of holders and scripts: what is lost follows its `on_interrupt`; the daemon lives."""

import random
from pathlib import Path

from support.fault_victims import kill_at_random

KILLS = 30


def test_what_is_lost_follows_its_rule_and_nothing_unmarked_runs_again(tmp_path: Path):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    verdict, killed = kill_at_random(tmp_path, kills=KILLS, seed=seed)
    print(verdict, killed)
    assert verdict.violations == []
    assert killed["holder"] > 3
    assert killed["script"] > 3
    assert verdict.lost > 3
