"""Programs that print settings for a shell to evaluate: `eval "$(direnv hook bash)"`.

What is evaluated is then as well known as the program, so nobody need be asked about it.
"""

from flowd.safety.command import Command
from flowd.safety.programs.effects import NOTHING, Effects, Model, Models
from flowd.safety.state import State
from flowd.safety.value import value_of

_PRINTS = {
    "atuin": "init",
    "brew": "shellenv",
    "dircolors": "-b --sh -c",
    "direnv": "hook export",
    "fnm": "env",
    "fzf": "--bash --zsh",
    "goenv": "init",
    "jenv": "init",
    "mise": "activate",
    "nodenv": "init",
    "oh-my-posh": "init",
    "opam": "env",
    "pyenv": "init virtualenv-init",
    "rbenv": "init",
    "register-python-argcomplete": "",
    "ssh-agent": "-s -c -k",
    "starship": "init",
    "thefuck": "--alias",
    "zoxide": "init",
}
"""The programs and the words with which they do so, as their manuals tell."""
SETTINGS = Effects(output=value_of(":\n"))


_COMPLETIONS = ("completion", "completions")
_SHELLS = ("bash", "zsh", "fish")


def prints_completions(command: Command) -> bool:
    """Whether this is `PROGRAM completion bash`, as many programs have it."""
    texts = [argument.text for argument in command.arguments[:3]]
    return bool(texts) and texts[0] in _COMPLETIONS and any(each in _SHELLS for each in texts[1:])


def with_settings(models: Models) -> Models:
    """Give the models of the programs above; for other words they do what they did."""
    return {name: _model(words.split(), models.get(name)) for name, words in _PRINTS.items()}


def _model(words: list[str], usual: Model | None) -> Model:
    def model(command: Command, state: State) -> Effects:
        first = command.arguments[0].text if command.arguments else ""
        if first in words or (not words and first) or (command.name == "ssh-agent" and not first):
            return SETTINGS
        return NOTHING if usual is None else usual(command, state)

    return model
