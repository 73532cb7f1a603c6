"""Programs that run a command in another system: virtual machines, containers, fleets of hosts."""

import re

from flowd.safety.command import Command, split
from flowd.safety.programs import uploads
from flowd.safety.programs.effects import Code, Effects, Model, Models, Run
from flowd.safety.programs.printers import origins_of
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import Argument, unknown, value_of

_FREE_FORM = listed("shell command raw ansible.builtin.shell ansible.builtin.command")
_FREE_FORM_TEXT = re.compile(r"(?:^|\s)(?:cmd=)?(?![\w.]+=)(\S.*)", re.DOTALL)


def _remote(words: tuple[Argument, ...], command: Command) -> Effects:
    """Words that are joined to a line of shell code on another machine."""
    if not words:
        return Effects(output=unknown())
    text = " ".join(word.text for word in words)
    code = Code("shell", value_of(text, origins_of(words)), command.span, remote=True)
    return Effects(output=unknown(), codes=(code,))


def _playbook_module(command: Command, _state: State) -> Effects:
    """`ansible HOSTS -m shell -a CODE`; without a module it is `command`."""
    values = listed("-m -a -i -u -e -f -l -t -c -B -P --module-name --args --inventory --user")
    options = split(command.arguments, values)
    module = options.value("-m", "--module-name")
    code = options.value("-a", "--args")
    if code is None or (module is not None and module.text not in _FREE_FORM):
        return Effects(output=unknown())
    match = _FREE_FORM_TEXT.search(code.text)
    return _remote((code.with_text(match[1]),), command) if match else Effects(output=unknown())


def _after_mark(command: Command, _state: State) -> Effects:
    """`multipass exec NAME -- CMD`: what follows the two dashes."""
    texts = [argument.text for argument in command.arguments]
    if "--" not in texts:
        return Effects(output=unknown())
    return Effects(output=unknown(), runs=(Run(command.arguments[texts.index("--") + 1 :]),))


def _after_name(words: str, values: str = "", skip: int = 1) -> Model:
    """`toolbox run [-c NAME] CMD`, `lxc exec NAME CMD`: the command follows one of these words."""
    verbs = listed(words)

    def model(command: Command, _state: State) -> Effects:
        texts = [argument.text for argument in command.arguments]
        place = next((i for i, text in enumerate(texts) if text in verbs), None)
        if place is None:
            return Effects(output=unknown())
        rest = command.arguments[place + 1 :]
        inner = split(rest, listed(values), first_operand_ends=True).operands[skip:]
        if inner and inner[0].text == "--":
            inner = inner[1:]
        return Effects(output=unknown(), runs=(Run(inner),) if inner else ())

    return model


def _given(options: str, values: str = "") -> Model:
    """The value of an option is a line for the other machine: `vagrant ssh -c CODE`."""
    names = tuple(options.split())

    def model(command: Command, _state: State) -> Effects:
        found = split(command.arguments, listed(f"{options} {values}"))
        return _remote(tuple(found.values(*names)), command)

    return model


def _fleet(values: str) -> Model:
    """`pdsh -w HOSTS CODE`: the operands are the line."""

    def model(command: Command, _state: State) -> Effects:
        options = split(command.arguments, listed(values), first_operand_ends=True)
        return _remote(options.operands, command)

    return model


def _hosted(command: Command, _state: State) -> Effects:
    """`heroku run CODE`."""
    words = split(command.arguments, listed("-a --app -r -s --size"), first_operand_ends=True)
    if not words.operands or not words.operands[0].text.startswith("run"):
        return Effects(output=unknown())
    rest = split(words.operands[1:], listed("-a --app -r -s --size"), first_operand_ends=True)
    return _remote(rest.operands, command)


def _sent_command(command: Command, state: State) -> Effects:
    """`aws ssm send-command --parameters commands=CODE`, `az vm run-command --scripts CODE`."""
    if command.has_word("send-command", "run-command"):
        options = split(command.arguments, listed("--parameters --scripts"))
        texts = [
            each.with_text(re.sub(r"^commands=|^\[?[\"']|[\"']\]?$", "", each.text))
            for each in options.values("--parameters", "--scripts")
        ]
        return _remote(tuple(texts), command)
    other = uploads.MODELS.get(command.name)
    return other(command, state) if other is not None else Effects(output=unknown())


def _cloud_login(command: Command, state: State) -> Effects:
    """`gcloud compute ssh VM --command CODE`; else it is a store of objects."""
    if command.has_word("ssh"):
        texts = [argument.text for argument in command.arguments]
        if "--" in texts:
            return _remote(command.arguments[texts.index("--") + 1 :], command)
        return _given("--command", "--zone --project")(command, state)
    return uploads.MODELS["gcloud"](command, state)


def _salt(command: Command, _state: State) -> Effects:
    """`salt HOSTS cmd.run CODE`."""
    texts = [argument.text for argument in command.arguments]
    place = next((i for i, text in enumerate(texts) if text.startswith("cmd.")), None)
    return _remote(() if place is None else command.arguments[place + 1 : place + 2], command)


MODELS: Models = {
    "ansible": _playbook_module,
    "gcloud": _cloud_login,
    **dict.fromkeys(("aws", "az"), _sent_command),
    "heroku": _hosted,
    **dict.fromkeys(("fly", "flyctl"), _given("-C --command", "-a --app -r -s")),
    **dict.fromkeys(("salt", "salt-call", "salt-ssh"), _salt),
    **dict.fromkeys(listed("multipass distrobox nomad guix devbox"), _after_mark),
    **dict.fromkeys(("lxc", "incus"), _after_name("exec", "--env --user --group --cwd --mode -t")),
    "toolbox": _after_name("run", "-c --container -d -r", skip=0),
    "machinectl": _after_name("shell", "--uid --setenv -E"),
    **dict.fromkeys(
        ("apptainer", "singularity"), _after_name("exec", "-B --bind --env -H --home -W --pwd")
    ),
    "ip": _after_name("exec", "", skip=1),
    "nix": _after_name("-c --command", "", skip=0),
    "vagrant": _given("-c --command"),
    **dict.fromkeys(
        ("pdsh", "dsh", "pssh", "parallel-ssh", "clush"), _fleet("-w -g -x -l -h -H -p")
    ),
}
