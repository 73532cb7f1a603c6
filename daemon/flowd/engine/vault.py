"""The values of `secrets:`: looked up for an attempt, kept in memory at most, recorded never.

A name is looked up where the settings say; else it is what the client gave that started the run,
or went on with it. Those are forgotten with the daemon.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from flowd.domain.workflow import Workflow
from flowd.errors import InvalidInput, SpawnFailed

MOST_RUNS = 1000  # whose given secrets are kept


class Sources(Protocol):
    """Secrets that the settings name. What `look_up` raises says why there is none."""

    def __contains__(self, name: object) -> bool: ...

    async def look_up(self, name: str, cwd: str) -> str:
        """Give the value, for a run in `cwd`."""
        ...

    def at_hand(self, cwd: str) -> dict[str, str]:
        """Give the values that can be had at once."""
        ...


def _none(_folder: str) -> Mapping[str, str]:
    return {}


class Vault:
    """See the top of the module."""

    def __init__(
        self, sources: Sources | None = None, known_in: Callable[[str], Mapping[str, str]] = _none
    ):
        """`known_in` gives variables of a folder whose secrets must not be shown either."""
        self.sources = sources
        self.known_in = known_in
        self._seen: dict[str, str] = {}
        self._given: OrderedDict[str, dict[str, str]] = OrderedDict()

    def give(self, run: str, values: Mapping[str, str]) -> None:
        """Keep what a client gave for a run."""
        if values:
            self._given[run] = {**self._given.get(run, {}), **values}
            self._given.move_to_end(run)
            while len(self._given) > MOST_RUNS:
                self._given.popitem(last=False)

    def named(self, cwd: str) -> dict[str, str]:
        """Give the values of what the settings name, as far as they are known now.

        A step that was not given them may come by them in other ways, and must not show them.
        """
        return {**self._seen, **(self.sources.at_hand(cwd) if self.sources else {})}

    async def check(self, workflow: Workflow, given: Mapping[str, str], cwd: str, run: str) -> None:
        """See that every secret of a workflow is to be had. InvalidInput names those that are not.

        Nothing is kept of what was looked up.
        """
        names = list(dict.fromkeys(name for step in workflow.steps for name in step.secrets))
        known = {**self._given.get(run, {}), **given}
        reasons = {}
        for name in names:
            try:
                await self._value(name, known, cwd)
            except Exception as error:  # noqa: BLE001 - whatever a source says
                reasons[name] = str(error)
        if reasons:
            told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise InvalidInput(
                f"secrets that are not to be had: {told}",
                cure="set them in your environment, or say under [secrets] of config.toml where "
                "they are",
                data={"missing_secrets": list(reasons)},
            )

    async def of(self, run: str, names: Iterable[str], cwd: str) -> dict[str, str]:
        """Give the values for an attempt. SpawnFailed when one is not to be had."""
        known = self._given.get(run, {})
        values = {}
        for name in names:
            try:
                values[name] = await self._value(name, known, cwd)
            except Exception as error:  # noqa: BLE001 - whatever a source says
                raise SpawnFailed(
                    f"the secret {name} is not to be had: {error}",
                    cure="flowctl retry from a shell that has it, or name a source under [secrets]",
                ) from None
        return values

    async def _value(self, name: str, known: Mapping[str, str], cwd: str) -> str:
        if self.sources is not None and name in self.sources:
            self._seen[name] = await self.sources.look_up(name, cwd)
            return self._seen[name]
        if name not in known:
            raise LookupError("it was not given")
        return known[name]
