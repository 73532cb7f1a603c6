"""A client that keeps a mixed load going over the ends of its daemons, and remembers what it saw.

What it was told, by an answer or by an event, is *acknowledged*: it must be there for ever.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.mixed_load import STORIES, Story, environment_of, workflow_of
from support.raw_client import PATIENCE_SECONDS, RawClient, Refused, over_socket

Json = dict[str, Any]
LOST_CONNECTION = (ConnectionError, FileNotFoundError, EOFError)


@dataclass
class Followed:
    """A run that was asked for: what a client knows of it."""

    number: int
    kind: str
    run: str = ""
    events: dict[int, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The events that answers to requests have promised."""
    gone: bool = False
    """Whether the daemon knows it no more."""
    vain: bool = False
    """Whether there is nothing to ask for: all its steps were lost and answered with "skip"."""

    @property
    def story(self) -> Story:
        """What it is about."""
        return STORIES[self.kind]

    @property
    def position(self) -> int:
        """The newest event seen."""
        return max(self.events, default=0)

    def has_seen(self, kind: str) -> bool:
        """Whether an event of that type was seen."""
        return any(event["type"] == kind for event in self.events.values())

    @property
    def rests(self) -> bool:
        """Whether nothing more will come by itself or be asked for."""
        if self.gone or self.vain:
            return True
        if not self.events or self.events[self.position]["type"] != "run_finished":
            return False
        promised = REQUESTS.get(self.story.then, ("", ""))[1]
        return not self.can_be_asked or self.has_seen(promised)

    @property
    def can_be_asked(self) -> bool:
        """Whether a finished run ended so that what its story wants then can be asked for."""
        needed = {"undo": "succeeded", "retry": "failed"}.get(self.story.then)
        return self.events[self.position].get("state") == needed

    def lost_steps(self) -> list[str]:
        """The steps of which a question asks how they ended."""
        asks: dict[str, bool] = {}
        for _, event in sorted(self.events.items()):
            if event["type"] == "question_asked" and event["about"] == "lost":
                asks[event["step"]] = True
            elif event["type"] in ("question_answered", "run_finished"):
                asks.pop(event.get("step", ""), None)
        return list(asks)


# What a client asks for, and the event that its answer promises.
REQUESTS = {
    "answer": ("flow/answer", "question_answered"),
    "cancel": ("flow/cancel", "cancel_requested"),
    "undo": ("flow/undo", "rollback_started"),
    "retry": ("flow/retry", "retry_requested"),
}


class LoadClient:
    """Starts runs, follows them, and asks for what their stories want."""

    def __init__(
        self,
        folder: Path,
        kinds: Iterator[str],
        *,
        most_open: int = 14,
        answers: Callable[[], str] | None = None,
    ):
        """`kinds` are those of the runs to come; `answers` gives one for each step that is lost."""
        self.folder = folder
        self.followed: list[Followed] = []
        self._kinds = kinds
        self._most_open = most_open
        self._answers = answers
        self._open: list[Followed] = []
        self._by_run: dict[str, Followed] = {}
        self.sessions = 0
        """How often a daemon answered."""

    def serve(self, socket: Path, *, more: Callable[[], bool], until: Callable[[], bool]) -> None:
        """Be a client until `until()` or, by an exception, until the connection is lost.

        New runs are started as long as `more()`.
        """
        with over_socket(socket) as client:
            self.sessions += 1
            for followed in self._open:
                if followed.run:
                    self._attach(client, followed)
            while not until():
                self._start_some(client, more)
                self._take_events(client)
                for followed in self._open:
                    self._act(client, followed)
                self._open = [each for each in self._open if not each.rests]
                if not client.has_news():
                    time.sleep(0.002)  # another process: no clock of ours can be turned

    def settle(self, socket: Path, *, runs: int = 0) -> None:
        """Follow everything to its rest, `runs` of them at least. AssertionError when it hangs."""
        deadline = time.monotonic() + PATIENCE_SECONDS

        def settled() -> bool:
            resting = len(self.followed) >= runs and not self._open
            assert resting or time.monotonic() < deadline, self._restless()
            return resting

        self.serve(socket, more=lambda: len(self.followed) < runs, until=settled)

    def _restless(self) -> list[tuple[str, str, Json]]:
        return [(each.kind, each.run, each.events.get(each.position, {})) for each in self._open]

    def _start_some(self, client: RawClient, more: Callable[[], bool]) -> None:
        for followed in self._open:
            if not followed.run:  # the answer got lost: the token finds the run, if there is one
                self._start(client, followed)
        while more() and len(self._open) < self._most_open:
            number = len(self.followed)
            followed = Followed(number, next(self._kinds))
            self.followed.append(followed)
            self._open.append(followed)
            self._start(client, followed)

    def _start(self, client: RawClient, followed: Followed) -> None:
        answer = client.call(
            "flow/run",
            {
                "workflow": workflow_of(followed.kind, followed.number, self.folder),
                "cwd": str(self.folder),
                "environment": environment_of(self.folder),
                "client_token": f"token-{followed.number}",
            },
        )
        followed.run = answer["run"]
        self._by_run[followed.run] = followed
        self._attach(client, followed)

    def _attach(self, client: RawClient, followed: Followed) -> None:
        try:
            client.call("flow/attach", {"run": followed.run, "from": followed.position})
        except Refused as refused:
            assert refused.code == "not_found", refused
            followed.gone = True

    def _take_events(self, client: RawClient) -> None:
        while client.has_news():
            client.inbox.append(client.receive())
        for message in client.inbox:
            if message.get("method") == "flow/event":
                event = message["params"]
                self._by_run[event["run"]].events[event["position"]] = event
        client.inbox.clear()

    def _act(self, client: RawClient, followed: Followed) -> None:
        """Ask for what the story wants, unless that was asked for already."""
        for step in followed.lost_steps() if self._answers is not None else ():
            self._answer(client, followed, step)
        if not followed.story.then or not followed.events or followed.gone:
            return
        method, promised = REQUESTS[followed.story.then]
        newest = followed.events[followed.position]
        due = newest["type"] == followed.story.at and newest.get("step", "b") == "b"
        if newest["type"] == "run_finished":
            due = due and followed.can_be_asked
        elif newest.get("about") == "lost":
            return
        if not due or promised in followed.asked:
            return
        if followed.story.then != "answer" and followed.has_seen(promised):
            return  # an answer may have been that to another question, which is not the newest
        if followed.kind == "retried":
            (self.folder / f"go.{followed.number}").touch()
        params = {"run": followed.run}
        if followed.story.then == "answer":
            params["answer"] = "yes"
        try:
            client.call(method, params)
        except Refused as refused:  # the answer got lost, and the request did not
            assert refused.code == "conflict", refused
            lost = any(event.get("outcome") == "lost" for event in followed.events.values())
            followed.vain = lost and "nothing left to undo" in refused.message
        else:
            followed.asked.append(promised)

    def _answer(self, client: RawClient, followed: Followed, step: str) -> None:
        assert self._answers is not None
        params = {"run": followed.run, "step": step, "answer": self._answers()}
        try:
            client.call("flow/answer", params)
        except Refused as refused:  # it is answered, or has no undo
            assert refused.code in ("conflict", "invalid_input"), refused


def histories(socket: Path, runs: Sequence[str]) -> dict[str, dict[int, Json]]:
    """The whole history of each run, by position, as a new client is told it."""
    found: dict[str, dict[int, Json]] = {}
    with over_socket(socket) as client:
        for run in runs:
            newest = client.call("flow/attach", {"run": run})
            events = found[run] = {}
            while max(events, default=0) < newest["position"]:
                event = client.notification("flow/event", run=run)
                events[event["position"]] = event
    return found
