"""What a person is told on the desktop, over a real bus."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from flowd.config import NotificationsConfig
from flowd.desktop import Desktop
from flowd.domain import commands as c
from flowproto.environment import looks_secret
from support.attempts import until
from support.desktop import desktop_on, session_bus
from support.stories import Story, workflow_of

GATHER = 0.05
LONG_ENOUGH = 0.5  # for what must not come


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with session_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


@pytest.fixture
async def teller(nursery: trio.Nursery) -> AsyncIterator[Desktop]:
    made = Desktop(NotificationsConfig(), looks_secret, gather_seconds=GATHER)
    nursery.start_soon(made.serve)
    yield made
    nursery.cancel_scope.cancel()


def asking(run: str = "run1", question: str = "Push?", **more) -> Story:
    """A run that waits for an answer."""
    story = Story(workflow_of({"id": "push", "confirm": question}, **more.pop("keys", {})), **more)
    story.state.run = run
    assert story.state.status == "waiting"
    return story


async def test_a_question_is_told_once_with_the_command_that_answers(bus, teller):
    async with desktop_on(bus) as desktop:
        story = asking()
        teller.heed(story.state)
        await until(lambda: desktop.shown)
        teller.heed(story.state)  # something else happened in the run
        await trio.sleep(LONG_ENOUGH)
        heading, text = desktop.shown[0]
        assert len(desktop.shown) == 1
        assert heading == "Flow: story needs you"
        assert text == "push: Push?\nflowctl answer run1 push yes|no|skip"
        assert desktop.closed == []


async def test_what_was_answered_is_taken_away(bus, teller):
    async with desktop_on(bus) as desktop:
        story = asking()
        teller.heed(story.state)
        await until(lambda: desktop.shown)
        story.when(c.AnswerQuestion("push", "yes"))
        teller.heed(story.state)
        await until(lambda: desktop.closed == [1])


async def test_who_answers_at_once_is_not_told(bus, teller):
    async with desktop_on(bus) as desktop:
        story = asking()
        teller.heed(story.state)
        story.when(c.AnswerQuestion("push", "yes"))
        teller.heed(story.state)
        await trio.sleep(LONG_ENOUGH)
        assert desktop.shown == []


async def test_forty_questions_make_one_summary(bus, teller):
    async with desktop_on(bus) as desktop:
        for number in range(40):
            teller.heed(asking(f"run{number}", f"Push {number}?").state)
        await until(lambda: desktop.shown)
        await trio.sleep(LONG_ENOUGH)
        [(heading, text)] = desktop.shown
        assert heading == "Flow: 40 runs need you"
        assert text.splitlines()[-2:] == ["and 37 more", "flowctl ps lists them"]


async def test_secrets_are_not_shown_and_text_is_no_markup(bus, teller):
    async with desktop_on(bus, "body", "body-markup") as desktop:
        inputs = {"api_token": {"default": "hunter2hunter2"}}
        story = asking(
            question="Use ${api_token} <b>now</b>?\x1b[2J",
            keys={"inputs": inputs},
            inputs={"api_token": "hunter2hunter2"},
        )
        assert "hunter2" in story.state.questions["push"].question
        teller.heed(story.state)
        await until(lambda: desktop.shown)
        [(_, text)] = desktop.shown
        assert text.startswith("push: Use … &lt;b&gt;now&lt;/b&gt;? [2J\n")


async def test_a_rollback_that_left_something_is_told_and_stays(bus, teller):
    async with desktop_on(bus) as desktop:
        story = Story(workflow_of({"id": "a", "undo": "false"}, "b"))
        story.ends("a")
        story.ends("b", "failed", exit_code=1)
        story.undone("a", "failed", exit_code=1)
        assert story.state.status == "compensation_failed"
        teller.heed(story.state)
        await until(lambda: desktop.shown)
        await trio.sleep(LONG_ENOUGH)
        [(_, text)] = desktop.shown
        assert text == "could not be undone completely: a failed\nflowctl show story"
        assert desktop.closed == []


async def test_a_parked_run_is_told_until_it_goes_on(bus, teller):
    async with desktop_on(bus) as desktop:
        story = Story(workflow_of("a"))
        story.when(c.Park("a mistake"))
        teller.heed(story.state)
        await until(lambda: desktop.shown)
        assert desktop.shown[0][1] == "is parked: a mistake\nflowctl resume story"
        story.when(c.ResumeRun(""))
        teller.heed(story.state)
        await until(lambda: desktop.closed == [1])


async def test_settings_turn_it_off(bus, teller):
    async with desktop_on(bus) as desktop:
        teller.config = NotificationsConfig(desktop=False)
        teller.heed(asking().state)
        await trio.sleep(LONG_ENOUGH)
        teller.config = NotificationsConfig()
        teller.heed(asking("run2").state)
        await until(lambda: desktop.shown)
        assert "run2" in desktop.shown[0][1]


async def test_a_desktop_that_comes_up_later_is_told_then(bus, teller):
    for number in range(2):
        teller.heed(asking(f"run{number}").state)
    await trio.sleep(LONG_ENOUGH)
    async with desktop_on(bus) as desktop:
        await until(lambda: len(desktop.shown) == 2)


async def test_a_bus_that_is_not_there_or_breaks_off_harms_nothing(bus, teller, monkeypatch):
    address = os.environ["DBUS_SESSION_BUS_ADDRESS"]
    for wrong in ("disabled:", "tcp:host=127.0.0.1", "unix:path=/nowhere/bus", "nonsense", ""):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", wrong)
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        teller.heed(asking(f"run-{wrong}").state)
        await trio.sleep(3 * GATHER)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    async with desktop_on(bus) as desktop:
        teller.heed(asking("good").state)
        await until(lambda: desktop.shown)
        assert "good" in desktop.shown[0][1]


async def test_after_a_start_only_a_boot_makes_old_questions_new(bus, teller):
    booted = (time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000
    async with desktop_on(bus) as desktop:
        known, forgotten = asking("known"), asking("forgotten")
        known.state.updated_at = int(booted) + 60_000
        forgotten.state.updated_at = int(booted) - 60_000
        teller.remember(known.state)
        teller.remember(forgotten.state)
        await until(lambda: desktop.shown)
        teller.heed(known.state)
        await trio.sleep(LONG_ENOUGH)
        [(_, text)] = desktop.shown
        assert "forgotten" in text
