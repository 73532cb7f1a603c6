"""The stricter default: what judges while the user's own rules cannot be read."""

from flowd.domain.ports import Finding, Judge, Judgement
from flowd.domain.workflow import Shell


class WaryJudge:
    """Asks about everything that changes something, since it may be what the rules forbid."""

    def __init__(self, judge: Judge, problem: str):
        self._judge = judge
        self._problem = problem

    def judge(self, script: str, *, shell: Shell = "bash", cwd: str | None = None) -> Judgement:
        """See `flowd.domain.ports.Judge`."""
        judgement = self._judge.judge(script, shell=shell, cwd=cwd)
        if judgement.verdict != "allow" or judgement.read_only:
            return judgement
        finding = Finding(
            rule="policy.unreadable",
            verdict="confirm",
            message=(
                "A policy cannot be read, so whatever changes something is asked about: "
                f"{self._problem}"
            ),
            span=(0, len(script)),
            safer="mend the policy file: it is read again by itself",
        )
        return Judgement(verdict="confirm", findings=[*judgement.findings, finding])

    def can_save(self, script: str, *, shell: Shell = "bash") -> bool:
        """See `flowd.domain.ports.Judge`."""
        return self._judge.can_save(script, shell=shell)

    def as_of_now(self, cwd: str | None) -> Judge:
        """See `flowd.domain.ports.Judge`."""
        return WaryJudge(self._judge.as_of_now(cwd), self._problem)
