"""SIGKILL of the real daemon at random moments of a mixed load, counted.

    python tests/support/fault_campaign.py [--kills 300] [--seed N]

prints the seed and what was counted; exit code 1 when anything that was promised did not hold.
"""

import argparse
import itertools
import math
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.fault_client import LOST_CONNECTION, LoadClient
from support.fault_verdict import Verdict, judge
from support.mixed_load import STORIES, prepare
from support.real_daemon import RealDaemon

LIVES_SECONDS = 0.5  # a daemon that answers is killed within this time
EARLY_SHARE = 0.25  # of the kills; they may come before it answers


@dataclass
class Campaign:
    """What was done, and what came of it."""

    seed: int
    kills: int
    while_starting: int
    seconds: float
    verdict: Verdict

    def table(self) -> str:
        """All figures, one a line."""
        rows = {
            "seed": self.seed,
            "kills": self.kills,
            "of these, before the daemon answered": self.while_starting,
            "runs": self.verdict.runs,
            "attempts that ran": self.verdict.attempts,
            "acknowledged events": self.verdict.acknowledged,
            "violations": len(self.verdict.violations),
            "seconds": round(self.seconds),
        }
        return "\n".join(f"{name:<38}{value:>10,}" for name, value in rows.items())


def run_campaign(
    home: Path,
    *,
    kills: int,
    seed: int,
    seconds: float = math.inf,
    command: Sequence[str] = (),
    tell: Callable[[int], object] = lambda _: None,
) -> Campaign:
    """Kill so many daemons, or as many as `seconds` are enough for; then look at everything.

    `command` starts another daemon than the real one. `tell` hears of each kill.
    """
    chance = random.Random(seed)
    begun = time.monotonic()
    prepare(home)
    load = LoadClient(home, itertools.cycle(STORIES))
    daemon = RealDaemon(home)
    daemon.command = list(command) or daemon.command
    daemon.start()
    ready_after = time.monotonic() - begun
    daemon.kill()
    done = 0
    while done < kills and time.monotonic() < begun + seconds:
        _live_and_die(chance, ready_after, daemon, load)
        done += 1
        tell(done)
    daemon.start()
    load.settle(daemon.socket)
    verdict = judge(load, daemon.socket)
    assert daemon.end() == 0
    elapsed = time.monotonic() - begun
    return Campaign(seed, done, done - load.sessions + 1, elapsed, verdict)


def _live_and_die(
    chance: random.Random, ready_after: float, daemon: RealDaemon, load: LoadClient
) -> None:
    """Let a daemon live for a moment, with a client that keeps it busy.

    Most moments count from when it answers; the others may lie before that.
    """
    process = daemon.spawn()
    early = chance.random() < EARLY_SHARE
    most = ready_after if early else LIVES_SECONDS
    killer = threading.Timer(chance.uniform(0.2 * most if early else 0, most), process.kill)
    if early:
        killer.start()

    def answers() -> bool:
        if killer.ident is None:
            killer.start()
        return False

    try:
        while process.poll() is None:
            try:
                load.serve(daemon.socket, more=lambda: True, until=answers)
            except LOST_CONNECTION:
                time.sleep(0.005)  # another process: no clock of ours can be turned
    finally:
        process.kill()
        killer.cancel()
    assert process.wait() == -signal.SIGKILL, daemon.log()


def main() -> int:
    """The command line; see the top."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        campaign = run_campaign(
            Path(folder),
            kills=arguments.kills,
            seed=arguments.seed,
            tell=lambda done: done % 50 or print(f"{done} kills", flush=True),
        )
    print(campaign.table())
    for violation in campaign.verdict.violations:
        print(violation)
    return 1 if campaign.verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
