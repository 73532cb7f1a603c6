"""How the providers stand: who can be asked, what they took, and whether one works."""

import trio
from msgspec.structs import replace

from flowd.clocks import start_of_day, wall_clock_ms
from flowd.config import Config
from flowd.domain.suggestions import ProviderState, ProviderTrial
from flowd.domain.usage import Books, Spent
from flowd.errors import Unsupported
from flowd.suggest.asking import Round
from flowd.suggest.providers.base import Provider, Question
from flowd.suggest.providers.model_setup import ModelProvider
from flowd.suggest.providers.presets import PRESETS
from flowd.suggest.providers.registry import Registry
from flowd.suggest.reliability.accounts import Account
from flowd.suggest.reliability.cache import AnswerCache

TEST_TASK = "print the word hello"
_MOST_CALLS = 20  # of one test


async def provider_states(
    registry: Registry, config: Config, books: Books | None
) -> list[ProviderState]:
    """Tell how each provider stands, by name."""
    usual = registry.usual()
    return [await _state(name, name in usual, registry, config, books) for name in registry.names()]


async def _state(
    name: str, asked: bool, registry: Registry, config: Config, books: Books | None
) -> ProviderState:
    kind = registry.kind_of(name)
    today = start_of_day(wall_clock_ms())
    spent = Spent() if books is None else await books.spent(name, today)
    setting = config.providers.get(name)
    configured = setting is not None or name not in PRESETS
    budget = None if setting is None else setting.budget
    try:
        provider = registry.make(name)
    except Unsupported as error:
        return ProviderState(
            name=name, kind=kind, asked=False, configured=configured, usable=False,
            problem=error.message, cure=error.cure, spent_today=spent, budget=budget,
        )  # fmt: skip
    state = ProviderState(
        name=name,
        kind=kind,
        asked=asked,
        configured=configured,
        usable=True,
        spent_today=spent,
        budget=budget,
    )
    return _with_model(state, provider) if isinstance(provider, ModelProvider) else state


def _with_model(state: ProviderState, provider: ModelProvider) -> ProviderState:
    endpoint, breaker = provider.endpoint, provider.caller.breaker
    return replace(
        state,
        model=endpoint.model,
        address=endpoint.address,
        breaker=breaker.state,
        rests_seconds=breaker.rests_for(trio.current_time()),
        price=endpoint.price,
    )


async def try_provider(
    provider: Provider, question: Question, account: Account | None
) -> ProviderTrial:
    """Ask a provider the question, whatever was answered before; say what came of it."""
    asking = Round(AnswerCache(0), fresh=True)
    await asking.ask([[provider]], question)
    (outcome,) = asking.asked
    calls = [] if account is None else await account.books.calls(_MOST_CALLS)
    return ProviderTrial(
        provider=provider.name,
        elapsed_ms=outcome.elapsed_ms,
        title=outcome.drafts[0].title if outcome.drafts else "",
        error=outcome.error or ("" if outcome.drafts else "it suggested nothing"),
        cure=outcome.cure,
        calls=[each for each in calls if account and each.call.request == account.request],
    )
