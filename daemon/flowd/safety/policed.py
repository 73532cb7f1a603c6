"""The judge that knows the policy files: it asks them what holds now, and judges by that."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from flowd.domain.boundaries import Boundaries
from flowd.domain.ports import Judge, Judgement
from flowd.domain.workflow import Shell
from flowd.safety.judge import make_judge
from flowd.safety.policy.layers import Policy, boundaries_for, holding, policy_for
from flowd.safety.policy.loading import PolicyFile, PolicyFiles
from flowd.safety.policy.moments import local_time
from flowd.safety.wary import WaryJudge

MOST_JUDGES = 32


class PolicedJudge:
    """Judges by the policy files as they are at that moment.

    A judge, with its memory, is kept for each state of the files, folder and set of rules that hold
    by the time of day; so what was judged by other rules is not remembered wrongly.
    """

    def __init__(
        self,
        files: PolicyFiles,
        *,
        files_are_kept: bool = True,
        now: Callable[[], datetime] = local_time,
    ):
        self.files = files
        self._files_are_kept = files_are_kept
        self._now = now
        self._judges: OrderedDict[object, Judge] = OrderedDict()
        self._plain = make_judge(files_are_kept=files_are_kept)

    def judge(self, script: str, *, shell: Shell = "bash", cwd: str | None = None) -> Judgement:
        """See `flowd.domain.ports.Judge`."""
        return self._judge_for(cwd).judge(script, shell=shell, cwd=cwd)

    def can_save(self, script: str, *, shell: Shell = "bash") -> bool:
        """See `flowd.domain.ports.Judge`."""
        return self._plain.can_save(script, shell=shell)

    def as_of_now(self, cwd: str | None) -> Judge:
        """See `flowd.domain.ports.Judge`."""
        return self._judge_for(cwd)

    def policy(self, cwd: str | None) -> tuple[Policy | None, str]:
        """The policy that holds in a folder now, and what is wrong with its files."""
        files = self._files(cwd)
        layers = [file.layer for file in files if file.layer is not None]
        policy = policy_for(layers, cwd, self._now()) if layers else None
        return policy, _problem(files)

    def boundaries(self, cwd: str) -> tuple[Boundaries, ...]:
        """The boundaries that hold for a run in a folder: all of them, each on its own."""
        layers = [file.layer for file in self._files(cwd) if file.layer is not None]
        return boundaries_for(layers, cwd)

    def _files(self, cwd: str | None) -> list[PolicyFile]:
        return [file for file in self.files.files_for(cwd) if file.trusted]

    def _judge_for(self, cwd: str | None) -> Judge:
        files = self._files(cwd)
        if not files:
            return self._plain
        layers = [file.layer for file in files if file.layer is not None]
        now = self._now()
        key = (tuple((file.path, file.signature) for file in files), cwd, holding(layers, now))
        judge = self._judges.get(key)
        if judge is None:
            judge = make_judge(policy_for(layers, cwd, now), files_are_kept=self._files_are_kept)
            if problem := _problem(files):
                judge = WaryJudge(judge, problem)
            self._judges[key] = judge
            if len(self._judges) > MOST_JUDGES:
                self._judges.popitem(last=False)
        else:
            self._judges.move_to_end(key)
        return judge


def _problem(files: list[PolicyFile]) -> str:
    return "; ".join(file.problem for file in files if file.problem)
