"""One provider's way to its server: when to call it, when not, and when again."""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import trio
from msgspec.structs import replace

from flowd.domain.usage import Call, Tokens
from flowd.errors import ProviderFailed
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Question
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn, read_answer, weighed
from flowd.suggest.providers.model_prompt import instructions_for
from flowd.suggest.providers.streamed import complete_part
from flowd.suggest.reliability.accounts import (
    Entry,
    cost_of,
    note_unmade,
    tokens_in,
    written_down,
)
from flowd.suggest.reliability.breaker import Breaker
from flowd.suggest.reliability.bucket import Bucket
from flowd.suggest.reliability.pauses import pause_before_next

Complete = Callable[[Endpoint, list[Turn], Heard], Awaitable[None]]
"""Sends a conversation to an endpoint in its own protocol and tells `Heard` what comes.

ProviderFailed, with a cure, when nothing useful comes. Cancelled, it has closed its connection.
"""


class Caller:
    """Calls one endpoint, and remembers how it did. Serves many questions at a time."""

    def __init__(
        self,
        endpoint: Endpoint,
        complete: Complete,
        *,
        chance: Callable[[], float] = random.random,
    ):
        self.endpoint = endpoint
        self.breaker = Breaker()
        self._bucket = Bucket(endpoint.requests_per_minute)
        self._complete = complete
        self._chance = chance
        self._key = endpoint.key

    async def ask(
        self, turns: list[Turn], question: Question, *, temperature: float | None = None
    ) -> str:
        """Give the model's whole text; ProviderFailed when there is none within the time.

        What is worth it is tried again, after the time the server asks for; not when that could
        only be too late, nor once a complete suggestion was shown. `temperature` None is what the
        server chooses.
        """
        tries = 1
        while True:
            following = _Following(question, self.endpoint.confidence)
            call = self._foreseen(turns, question, tries)
            await self._wait_for_turn(question, call)
            try:
                return await self._call(call, turns, question, following, temperature)
            except ProviderFailed as error:
                pause = self._pause(error, tries, question.deadline)
                if pause is None or following.shown:
                    raise
                question.listener.faltered(error.message)
                await trio.sleep(pause)
            finally:
                self.breaker.given_up(trio.current_time())  # unless it is known how it went
            tries += 1

    async def _call(
        self,
        call: Call,
        turns: list[Turn],
        question: Question,
        following: "_Following",
        temperature: float | None,
    ) -> str:
        key = await self._look_up_key(question)
        endpoint = replace(self.endpoint, key=key, temperature=temperature)
        heard = following.heard
        async with written_down(
            question.account, call, endpoint.price, endpoint.budget, heard
        ) as following.entry:
            entry = following.entry
            try:
                await self._complete(endpoint, turns, heard)
                if not heard.finished:
                    raise failures.broken(endpoint.name, "it ended without an end")
            except ProviderFailed as error:
                entry.outcome, entry.detail = "failed", error.message
                self._learn(error)
                raise
            except trio.Cancelled:
                now = trio.current_time()
                if now >= question.deadline and not heard.text:
                    self.breaker.failed(now)  # it had all the time, and said nothing
                raise
            entry.outcome = "answered"
            self.breaker.answered()
        return heard.text

    async def _look_up_key(self, question: Question) -> str:
        """Give the key, which stays in memory until the server refuses it."""
        if not self._key and self.endpoint.key_source is not None:
            self._key = await question.look_up(self.endpoint.key_source)
        return self._key

    def _foreseen(self, turns: Sequence[Turn], question: Question, tries: int) -> Call:
        """Describe the next call, with the most it can take."""
        taken = tokens_in(
            [instructions_for(plain=self.endpoint.plain), *(turn.text for turn in turns)]
        )
        most, price, account = self.endpoint.max_tokens, self.endpoint.price, question.account
        why = account.why if account else "first"
        return Call(
            request=account.request if account else "",
            provider=self.endpoint.name,
            model=self.endpoint.model,
            why="retry" if tries > 1 else "repair" if len(turns) > 1 else why,
            at=account.now_ms() if account else 0,
            input_tokens=taken,
            output_tokens=most,
            cost=cost_of(price, Tokens(taken, most)),
        )

    async def _wait_for_turn(self, question: Question, call: Call) -> None:
        """Wait until the server may be asked; ProviderFailed when that is after the deadline."""
        wait = self._bucket.take(trio.current_time())
        if wait and trio.current_time() + wait >= question.deadline:
            problem = f"asked as often as its requests_per_minute allows, for {wait:.0f} s more"
            await self._refuse(question, call, problem, "raise requests_per_minute")
        await trio.sleep(wait)
        now = trio.current_time()
        rest = self.breaker.rests_for(now)
        if rest:
            problem = f"left alone for another {rest:.0f} s, after it failed or asked for that"
            await self._refuse(question, call, problem, "wait")
        self.breaker.begin(now)

    async def _refuse(self, question: Question, call: Call, problem: str, cure: str) -> NoReturn:
        """Ask nobody: give back what was taken for it, and say why."""
        self._bucket.put_back()
        await note_unmade(question.account, call, "refused", problem)
        raise ProviderFailed(
            f"{self.endpoint.name} is {problem}", cure=f"{cure}, or ask another provider meanwhile"
        )

    def _pause(self, error: ProviderFailed, tries: int, deadline: float) -> float | None:
        """Give the pause before the next try, None when there is none."""
        now = trio.current_time()
        retry_after = error.data.get("retry_after")
        if retry_after is not None:
            self.breaker.wait_until(now + retry_after)
        if not error.data.get("again"):
            return None
        return pause_before_next(tries, retry_after, deadline - now, self._chance())

    def _learn(self, error: ProviderFailed) -> None:
        """Tell the breaker whether it was the server that failed."""
        if error.data.get("status") == 401:
            self._key = self.endpoint.key
        if error.data.get("down"):
            self.breaker.failed(trio.current_time())
        else:
            self.breaker.answered()


class _Following:
    """Tells a question's listener what there is of an answer while it is written."""

    def __init__(self, question: Question, confidence: float):
        self.shown = False
        self._confidence = confidence
        self.heard = Heard(self._hear)
        self.entry: Entry | None = None
        self._listener = question.listener

    def _hear(self, piece: str) -> None:
        """Look whether the piece completes something: a quote or a brace does."""
        if self.entry is not None and self.entry.began_at is None:
            self.entry.began()
            self._listener.began()
        if '"' not in piece and "}" not in piece:
            return
        finished, unfinished = complete_part(self.heard.text)
        drafts, _ = read_answer(finished) if finished else ([], "")
        if drafts or unfinished:
            self.shown = self.shown or bool(drafts)
            self._listener.wrote(weighed(drafts, self._confidence), unfinished)
