"""What leaves this machine for a question: the very text, before anything is sent."""

from flowd.domain.suggestions import Told
from flowd.suggest.providers.base import Provider, Question
from flowd.suggest.providers.model_prompt import instructions_for, plain_text, question_text
from flowd.suggest.providers.model_setup import ModelProvider
from flowd.suggest.providers.offline import OfflineProvider


def told(provider: Provider, question: Question) -> Told:
    """Say what this provider would be sent."""
    if isinstance(provider, OfflineProvider):
        return Told(provider.name, "nothing: it works on this machine, and nothing leaves it")
    if isinstance(provider, ModelProvider):
        plain = provider.endpoint.plain
        text = plain_text(question) if plain else question_text(question)
        return Told(provider.name, "this, to its model", instructions_for(plain=plain), text)
    return Told(provider.name, "a plugin: only its makers know what it sends of what Flow knows")
