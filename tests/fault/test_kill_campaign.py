"""SIGKILL at random moments of a mixed load; `make fault-campaign` does it 300 times."""

import random
import sys
from pathlib import Path

import pytest

from support.doomed_daemon import TESTS
from support.fault_campaign import run_campaign

KILLS = 40
SECONDS = 25.0
UNFAITHFUL = {
    "repeats": "times, not",
    "forgets": "is gone",
}


def test_nothing_is_lost_or_repeated_however_often_the_daemon_is_killed(tmp_path: Path):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    campaign = run_campaign(tmp_path, kills=KILLS, seed=seed, seconds=SECONDS)
    print(campaign.table())
    assert campaign.verdict.violations == []
    assert campaign.kills >= 5
    assert campaign.verdict.attempts > campaign.verdict.runs > 15
    assert campaign.verdict.lost == 0  # holders live on


@pytest.mark.parametrize("how", UNFAITHFUL)
def test_the_campaign_finds_a_daemon_that_does_not_keep_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
):
    monkeypatch.setenv("PYTHONPATH", TESTS)
    command = (sys.executable, "-m", "support.unfaithful_daemon", how)
    campaign = run_campaign(tmp_path, kills=10, seed=1, command=command)
    assert any(UNFAITHFUL[how] in found for found in campaign.verdict.violations)
