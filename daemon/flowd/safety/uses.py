"""Which programs a script counts on, noted while it is followed: see `Judgement.uses`."""

from msgspec.structs import replace

from flowd.domain.foresight import Use
from flowd.safety.command import Command
from flowd.safety.findings import Trace
from flowd.safety.foreseen import effects_of
from flowd.safety.state import State
from flowd.safety.tables import listed

HAVE_THEIR_OWN_PROGRAMS = listed(
    "docker podman nerdctl docker-compose kubectl oc k3s microk8s chroot nsenter toolbox distrobox "
    "flatpak snap vagrant lxc nix nix-shell poetry uv pdm rye hatch pipenv conda mamba micromamba "
    "bundle mise npx uvx bunx pnpx pipx npm pnpm yarn bun deno ssh su direnv tox nox "
    "python python2 python3 pypy pypy3 py"
)
"""Programs that run others: of a container, another machine, an environment of their own; or
modules, as `python -m` does."""
_ASK = listed("command type hash which whereis")
_TAKE_IN = listed("source . eval")


def note(command: Command, state: State, trace: Trace, *, is_builtin: bool) -> None:
    """Note a call; a builtin is no program, but may ask whether there is one."""
    if command.name in _ASK:
        trace.asked_for.update(argument.text for argument in command.arguments)
    if command.name in _TAKE_IN:
        trace.takes_in_code = True
    for effect in effects_of(command):
        trace.effect(effect)
    if is_builtin or not command.program.known:
        return
    trace.use(
        Use(
            command.program.text,
            tuple(argument.text for argument in command.arguments),
            command.span,
            certain="PATH" not in state.variables and not state.functions.get(command.name),
            moved=state.folders != (state.start,),
        )
    )


def noted(trace: Trace) -> list[Use]:
    """Give what was noted, once all is followed: what was asked for is not certain."""
    return [
        replace(use, certain=use.certain and use.program not in trace.asked_for)
        for use in trace.uses
    ]
