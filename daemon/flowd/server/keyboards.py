"""Who types at which step's terminal: one client at a time."""

from typing import NamedTuple

from flowd.errors import Conflict
from flowd.server.peer import Peer


class Keyboards:
    """The typists of all terminals. A client gives its keyboards back when it leaves."""

    def __init__(self) -> None:
        self._typists: dict[tuple[str, str], Peer] = {}

    def refuse_second(self, run: str, step: str, peer: Peer) -> None:
        """Raise Conflict when another client types at this step; `typist` in its data says who."""
        typist = self._typists.get((run, step))
        if typist is not None and typist is not peer:
            raise Conflict(
                f"{typist.title} types at step {step}",
                cure="look on, or take the keyboard over (`take`; in flowctl: Ctrl-] t)",
                data={"typist": typist.title},
            )

    def give(self, run: str, step: str, peer: Peer) -> None:
        """From now on this client types at the step."""
        self._typists[run, step] = peer

    def take_back(self, peer: Peer, run: str | None = None) -> None:
        """The client types no more: at this run, or at any."""
        for terminal, typist in list(self._typists.items()):
            if typist is peer and run in (None, terminal[0]):
                del self._typists[terminal]


class Keyboard(NamedTuple):
    """One client's part in the keyboards."""

    keyboards: Keyboards
    peer: Peer

    def refuse_second(self, run: str, step: str) -> None:
        """See `Keyboards`."""
        self.keyboards.refuse_second(run, step, self.peer)

    def take(self, run: str, step: str) -> None:
        """Type at the step from now on, whoever did before."""
        self.keyboards.give(run, step, self.peer)

    def leave(self, run: str) -> None:
        """Type no more at this run."""
        self.keyboards.take_back(self.peer, run)
