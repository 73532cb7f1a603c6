"""How many processes run at once, and whose turn it is when more are wanted."""

from collections import Counter

import trio


class Slots:
    """Places for processes: `most` in all, `most_per_run` for each run; both may be changed.

    Who waits is served run by run, one step each, so a run of five hundred steps side by side
    holds up nobody's single step. Within a run it is first come, first served.
    """

    def __init__(self, most: int, most_per_run: int | None):
        self.most = most
        self.most_per_run = most_per_run
        self._alone: set[str] = set()  # runs that have one process at a time, whatever is set
        self._taken: Counter[str] = Counter()
        self._taken_in_all = 0  # kept, and not added up: it is asked at the end of every step
        self._waiting: dict[str, dict[trio.lowlevel.Task, None]] = {}  # the next run is the first

    def configure(self, most: int, most_per_run: int | None) -> None:
        """Take over other limits. Who is beyond them keeps a place until giving it back."""
        self.most, self.most_per_run = most, most_per_run
        self._serve()

    async def take(self, run: str, *, alone: bool = False) -> None:
        """Take a place, waiting for one if need be; at once when there is one.

        With `alone` the run has no other process meanwhile.
        """
        if alone:
            self._alone.add(run)
        if self._taken_in_all < self.most and self._is_free_for(run):
            self._give(run)
            return
        task = trio.lowlevel.current_task()
        self._waiting.setdefault(run, {})[task] = None

        def forget(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._remove(run, task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(forget)

    def give_back(self, run: str) -> None:
        """Give a place back, to whoever is next."""
        self._taken_in_all -= 1
        self._taken[run] -= 1
        if not self._taken[run]:
            del self._taken[run]
            if run not in self._waiting:
                self._alone.discard(run)
        self._serve()

    def _give(self, run: str) -> None:
        self._taken_in_all += 1
        self._taken[run] += 1

    def _is_free_for(self, run: str) -> bool:
        """Whether the run may have one more place, if there is one."""
        if run in self._alone and self._taken[run]:
            return False
        return self.most_per_run is None or self._taken[run] < self.most_per_run

    def _serve(self) -> None:
        while self._taken_in_all < self.most:
            run = next(filter(self._is_free_for, self._waiting), None)
            if run is None:
                return
            task = next(iter(self._waiting[run]))
            self._remove(run, task)
            if run in self._waiting:  # its next step comes after everybody else's
                self._waiting[run] = self._waiting.pop(run)
            self._give(run)
            trio.lowlevel.reschedule(task)

    def _remove(self, run: str, task: trio.lowlevel.Task) -> None:
        del self._waiting[run][task]
        if not self._waiting[run]:
            del self._waiting[run]
