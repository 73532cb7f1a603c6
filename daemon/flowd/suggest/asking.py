"""Asks providers: some side by side, others one after the other, each failing for itself."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence

import trio
from msgspec.structs import replace

from flowd.domain.usage import Call, Why
from flowd.errors import FlowError
from flowd.suggest.providers.base import Draft, Provider, Question, Unfinished
from flowd.suggest.providers.model_setup import ModelProvider
from flowd.suggest.reliability.accounts import note_unmade
from flowd.suggest.reliability.cache import AnswerCache, digest_of

_logger = logging.getLogger(__name__)


class Asked:
    """What asking one provider came to; filled in while it is asked. It is the `Listener`."""

    def __init__(self, name: str, why: Why, tell: Callable[[], None]):
        self.name = name
        self.why: Why = why
        self.drafts: Sequence[Draft] = ()
        self.unfinished: Unfinished | None = None
        self.error = ""
        self.cure = ""
        self.elapsed_ms = 0.0
        self.has_begun = False
        self.is_idle = False  # it failed, and may or may not try again
        self.is_done = False
        self.scope = trio.CancelScope()
        self._tell = tell

    def began(self) -> None:
        """See `Listener`."""
        self.has_begun = True
        self._tell()

    def faltered(self, why: str) -> None:
        """See `Listener`."""
        self.is_idle = True
        self.drafts, self.unfinished = (), None
        self._tell()

    def wrote(self, drafts: Sequence[Draft], unfinished: Unfinished | None = None) -> None:
        """See `Listener`."""
        self.drafts, self.unfinished = drafts, unfinished
        self._tell()

    def done(self) -> None:
        """Nothing more will come."""
        self.is_done = self.is_idle = True
        self.has_begun = self.has_begun or bool(self.drafts)
        self.unfinished = None
        self._tell()


class Round:
    """All that is asked for one question, as it comes along."""

    def __init__(self, cache: AnswerCache, *, hedge_seconds: float = 0.0, fresh: bool = False):
        self._lanes: list[list[Asked]] = []
        self._cache = cache
        self._hedge_seconds = hedge_seconds or math.inf
        self._fresh = fresh
        self.news = trio.Event()
        """Happens with the next change; then another takes its place."""

    @property
    def asked(self) -> list[Asked]:
        """Those that were asked so far, in the order of the lanes."""
        return [each for lane in self._lanes for each in lane]

    async def ask(self, lanes: Iterable[Sequence[Provider]], question: Question) -> None:
        """Ask the lanes side by side, within the question's deadline; it raises nothing."""
        digest = digest_of(question)
        async with trio.open_nursery() as nursery:
            for lane in lanes:
                self._lanes.append([])
                nursery.start_soon(self._ask_lane, lane, self._lanes[-1], question, digest)

    async def _ask_lane(
        self, lane: Sequence[Provider], asked: list[Asked], question: Question, digest: str
    ) -> None:
        """Ask until one has begun to answer; it is the one, and the others are called off.

        The next is asked when all before it have failed, or are late; the first one once more
        when it is late and there is no other.
        """
        async with trio.open_nursery() as nursery:
            for number, provider in enumerate(_with_a_second(lane, self._hedge_seconds)):
                failed = all(each.is_idle for each in asked)
                if number == len(lane) and failed:
                    break  # it would be asked again, and does that by itself
                why: Why = "first" if not number else "fallback" if failed else "hedge"
                outcome = Asked(provider.name, why, self._tell)
                asked.append(outcome)
                nursery.start_soon(self._ask_one, provider, question, outcome, digest)
                with trio.move_on_after(self._hedge_seconds):
                    while _chosen(asked) is None and not all(each.is_idle for each in asked):
                        await self.news.wait()
                if _chosen(asked) is not None:
                    break
            while _chosen(asked) is None and not all(each.is_done for each in asked):
                await self.news.wait()
            chosen = _chosen(asked)
            for each in asked:
                if chosen is not None and each is not chosen:
                    each.scope.cancel()

    async def _ask_one(
        self, provider: Provider, question: Question, outcome: Asked, digest: str
    ) -> None:
        """Ask one provider; whatever goes wrong with it stays with it."""
        start = trio.current_time()
        outcome.scope.deadline = question.deadline
        account = question.account and replace(question.account, why=outcome.why)
        with outcome.scope:
            try:
                outcome.drafts = await self._answer(
                    provider, replace(question, listener=outcome, account=account), digest
                )
            except FlowError as error:
                outcome.error, outcome.cure = error.message, error.cure
            except Exception as error:  # a plugin's bug must not take the others down
                _logger.exception("provider %s failed", provider.name)
                outcome.error = f"the provider failed unexpectedly: {type(error).__name__}: {error}"
                outcome.cure = "see the daemon's log; choose other providers meanwhile"
        now = trio.current_time()
        outcome.elapsed_ms = (now - start) * 1000
        if outcome.scope.cancelled_caught and now >= question.deadline:
            what = "no complete answer" if outcome.drafts else "no answer"
            outcome.error = f"{what} within {outcome.elapsed_ms / 1000:.1f} seconds"
            outcome.cure = "allow it more time, or leave it out"
        outcome.done()

    async def _answer(self, provider: Provider, question: Question, digest: str) -> list[Draft]:
        """Give the drafts, without asking anybody if this was answered not long ago."""
        if provider.name == "offline":  # quicker than any cache, and always of now
            return await provider.propose(question)
        key = (provider.name, digest)
        kept = None if self._fresh else self._cache.get(key, trio.current_time())
        if kept is not None:
            await note_unmade(question.account, _unmade(provider, question), "cached", "")
            return kept
        drafts = await provider.propose(question)
        if drafts:
            self._cache.put(key, drafts, trio.current_time())
        return drafts

    def _tell(self) -> None:
        self.news.set()
        self.news = trio.Event()


def lanes_of(providers: Sequence[Provider], fallback: Sequence[str]) -> list[list[Provider]]:
    """Put those that stand in for each other into one lane, in the order of `fallback`."""
    in_turn = {provider.name: provider for provider in providers if provider.name in fallback}
    alone = [[provider] for provider in providers if provider.name not in in_turn]
    chain = [in_turn[name] for name in dict.fromkeys(fallback) if name in in_turn]
    return [*alone, chain] if chain else alone


def _with_a_second(lane: Sequence[Provider], hedge_seconds: float) -> list[Provider]:
    """Add a second request to the only provider, where late ones are hedged."""
    hedged = len(lane) == 1 and math.isfinite(hedge_seconds) and lane[0].name != "offline"
    return [*lane, *(lane if hedged else ())]


def _chosen(asked: Sequence[Asked]) -> Asked | None:
    return next((each for each in asked if each.has_begun), None)


def _unmade(provider: Provider, question: Question) -> Call:
    account = question.account
    return Call(
        request=account.request if account else "",
        provider=provider.name,
        model=provider.endpoint.model if isinstance(provider, ModelProvider) else "",
        why=account.why if account else "first",
        at=account.now_ms() if account else 0,
        input_tokens=0,
        output_tokens=0,
        cost=0,
    )
