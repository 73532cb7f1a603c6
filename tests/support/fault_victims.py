"""SIGKILL of holders and of the processes of steps, at random moments, while the daemon lives."""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from support.fault_client import LoadClient
from support.fault_verdict import Verdict, judge
from support.mixed_load import STORIES, prepare
from support.real_daemon import real_daemon

ANSWERS = ("retry", "skip")


def kill_at_random(home: Path, *, kills: int, seed: int) -> tuple[Verdict, Counter[str]]:
    """Kill so many holders and scripts under a mixed load; give what was found, and who died."""
    chance = random.Random(seed)
    prepare(home)
    load = LoadClient(home, itertools.cycle(STORIES), answers=lambda: chance.choice(ANSWERS))
    killed: Counter[str] = Counter()
    with real_daemon(home) as daemon:
        enough = threading.Event()
        killer = threading.Thread(target=_kill, args=(home, chance, kills, killed, enough))
        killer.start()
        load.serve(daemon.socket, more=lambda: not enough.is_set(), until=enough.is_set)
        killer.join()
        load.settle(daemon.socket)
        assert daemon.process is not None
        assert daemon.process.poll() is None, "the daemon lives"
        verdict = judge(load, daemon.socket, may_be_lost=True)
        assert daemon.end() == 0
    return verdict, killed


def _kill(
    home: Path, chance: random.Random, kills: int, killed: Counter[str], enough: threading.Event
) -> None:
    try:
        while killed.total() < kills:
            time.sleep(chance.uniform(0.02, 0.25))  # the moments are what is random here
            who = chance.choice(("holder", "script"))
            victims = _holders(home) if who == "holder" else _scripts(home)
            if victims:
                victim = chance.choice(victims)
                try:
                    if who == "holder":
                        os.kill(victim, signal.SIGKILL)
                    else:  # with all it started: what a script leaves running is left alone
                        os.killpg(os.getpgid(victim), signal.SIGKILL)
                except ProcessLookupError:  # it ended meanwhile
                    continue
                killed[who] += 1
    finally:
        enough.set()


def _holders(home: Path) -> list[int]:
    return _processes("cmdline", lambda words: b"holder.py" in words and bytes(home) in words)


def _scripts(home: Path) -> list[int]:
    mark = b"WITNESS=%b/witness\0" % bytes(home)
    return _processes("environ", lambda words: mark in words)


def _processes(file: str, wanted: Callable[[bytes], bool]) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted((process / file).read_bytes()):
                found.append(int(process.name))
        except OSError:  # it ended, or is not ours
            continue
    return found
