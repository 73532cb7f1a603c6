"""What an editor sees: capabilities, diagnostics, lenses, hover, completion."""

from pathlib import Path
from typing import Any

import pytest
import trio

from flowd.exec.flags import Manuals
from flowd.exec.preflight import MachinePreflight
from flowd.safety.judge import make_judge
from support.daemon import ScriptedJudge, ScriptedRuns, services_in
from support.editor import Refused, at, editing

URI = "file:///work/release.flow.yaml"
STEPS = "flow: 1\nname: demo\nsteps:\n  - id: a\n    run: echo\n"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, "utf-16"),
        (["utf-16"], "utf-16"),
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7"], "utf-16"),
    ],
)
async def test_the_clients_way_of_counting_is_taken(
    tmp_path: Path, offered: list[str] | None, chosen: str
) -> None:
    capabilities = {"general": {"positionEncodings": offered}} if offered else {}
    async with editing(services_in(tmp_path, ScriptedRuns()), capabilities) as editor:
        assert editor.capabilities["positionEncoding"] == chosen
        await editor.open(URI, STEPS.replace("run: echo", "run: 'echo 😀 block'"))
        (found,) = await editor.diagnostics(URI)
        column = {"utf-8": 20, "utf-16": 18, "utf-32": 17}[chosen]
        assert found["range"] == at(4, column, column + 5)


async def test_capabilities_say_what_there_is(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        told = editor.capabilities
    assert told["textDocumentSync"]["change"] == 2
    assert told["textDocumentSync"]["openClose"] is True
    assert told["codeActionProvider"] == {
        "codeActionKinds": ["quickfix", "refactor"],
        "resolveProvider": True,
    }
    assert told["executeCommandProvider"]["commands"] == [
        "flow.suggest",
        "flow.run",
        "flow.undo",
        "flow.check",
    ]
    assert told["hoverProvider"] is True
    assert "codeLensProvider" in told
    assert "completionProvider" in told
    assert told["experimental"]["flow"]["methods"]


@pytest.mark.parametrize(
    "capabilities",
    [{}, {"textDocument": None}, {"textDocument": 5}, {"general": {"positionEncodings": "utf-8"}}],
)
async def test_a_client_that_says_little_or_nonsense_is_served(
    tmp_path: Path, capabilities: Any
) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns()), capabilities) as editor:
        await editor.open(URI, STEPS + "nmae: x\n")
        (found,) = await editor.diagnostics(URI)
    assert found["message"] == "unknown key 'nmae'\ndid you mean 'name'?"


async def test_problems_and_findings_are_shown_where_they_are(tmp_path: Path) -> None:
    text = (
        "flow: 1\nname: demo\nsteps:\n"
        "  - id: a\n    run: |\n      echo 😀\n      echo 😀 block\n    undo: 'confirm it'\n"
        "    neds: []\n"
    )
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, text)
        found = await editor.diagnostics(URI)
    shown = [(d["range"], d["severity"], d.get("code"), d["source"]) for d in found]
    assert shown == [
        (at(8, 4, 8), 1, None, "flow"),
        (at(6, 14, 19), 1, "says-block", "flow"),
        (at(7, 11, 18), 2, "says-confirm", "flow"),
    ]
    assert found[0]["message"] == "unknown key 'neds' in a step\ndid you mean 'needs'?"
    assert "is blocked" in found[1]["message"]


async def test_what_is_in_the_way_of_a_run_is_shown_where_it_stands(tmp_path: Path) -> None:
    text = (
        "flow: 1\nname: demo\nsteps:\n"
        "  - id: a\n    run: |\n      true\n      no-such-program x\n    undo: no-such-undo\n"
    )
    services = services_in(
        tmp_path,
        ScriptedRuns(),
        judge=make_judge(),
        preflight=MachinePreflight(Manuals()),
    )
    async with editing(services) as editor:
        await editor.open(URI, text)
        found = await editor.diagnostics(URI)
    shown = [(d["range"], d["severity"], d["code"]) for d in found]
    assert shown == [
        (at(6, 6, 23), 1, "preflight.program"),
        (at(7, 10, 22), 2, "preflight.program"),
    ]
    assert found[0]["message"].startswith("the program no-such-program is not on the run's PATH\n")


async def test_diagnostics_follow_the_typing(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, STEPS)
        assert await editor.diagnostics(URI, version=1) == []
        await editor.change(URI, 2, {"range": at(4, 4, 7), "text": "rn"})
        await editor.change(URI, 3, {"range": at(4, 4, 6), "text": "blah"})
        messages = [d["message"] for d in await editor.diagnostics(URI, version=3)]
        assert any("unknown key 'blah'" in message for message in messages)
        await editor.change(URI, 4, {"text": STEPS})
        assert await editor.diagnostics(URI, version=4) == []


async def test_closing_takes_the_diagnostics_away(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, "flow: 2\n")
        assert await editor.diagnostics(URI)
        await editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert await editor.diagnostics(URI) == []


async def test_other_files_have_no_diagnostics_until_they_become_workflows(tmp_path: Path) -> None:
    other = "file:///work/other.yaml"
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(other, "name: x\n")
        await editor.open(URI, STEPS)
        await editor.diagnostics(URI)
        assert editor.heard == []
        await editor.change(other, 2, {"text": "flow: 1\nname: x\n"})
        assert await editor.diagnostics(other, version=2)
        await editor.change(other, 3, {"text": "name: x\n"})
        assert await editor.diagnostics(other, version=3) == []


async def test_a_huge_file_does_no_harm(tmp_path: Path) -> None:
    huge = "file:///work/huge.flow.yaml"
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(huge, "# " + "x" * 5_000_000)
        await editor.change(huge, 2, {"range": at(0, 0), "text": "#"})
        document = {"textDocument": {"uri": huge}}
        action = {**document, "range": at(0, 0), "context": {"diagnostics": []}}
        assert await editor.request("textDocument/codeAction", action) == []
        assert await editor.request("textDocument/codeLens", document) == []
        spot = {**document, "position": {"line": 0, "character": 0}}
        assert await editor.request("textDocument/hover", spot) is None
        assert await editor.request("textDocument/completion", spot) == []
        await editor.open(URI, STEPS)
        await editor.diagnostics(URI)
        assert editor.heard == []  # nothing is said of the huge one


async def test_lenses_stand_above_workflows_only(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, STEPS)
        await editor.open("file:///work/x.py", "pass\n", "python")
        lenses = [
            await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
            for uri in (URI, "file:///work/x.py", "file:///not/open")
        ]
    assert [
        (lens["command"]["title"], lens["command"]["command"], lens["command"]["arguments"])
        for lens in lenses[0]
    ] == [
        ("Run", "flow.run", [{"uri": URI}]),
        ("Undo", "flow.undo", [{"uri": URI}]),
        ("Check", "flow.check", [{"uri": URI}]),
    ]
    assert lenses[1:] == [[], []]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (STEPS, (4, 6), ["`run`: the script", "**a** runs without asking", "cannot be undone"]),
        (STEPS.replace("echo", "echo block"), (4, 12), ["is blocked", "it says block"]),
        (STEPS.replace("echo", "true"), (3, 5), ["`id`:", "changes nothing"]),
        (STEPS + "    undo: echo\n", (5, 6), ["can be undone by its `undo`"]),
        (STEPS + "    retry: {attempts: 3}\n", (5, 14), ["`attempts`: how often"]),
        (STEPS + "    for_each: [a, b]\n", (5, 15), ["`for_each`: runs the step once for each"]),
        (STEPS + "defaults: {shell: sh}\n", (5, 13), ["`shell`: program"]),
        (STEPS + "inputs: {v: {type: string}}\n", (5, 14), ["`type`: string (default)"]),
    ],
)
async def test_hover_explains(
    tmp_path: Path, text: str, place: tuple[int, int], said: list[str]
) -> None:
    position = {"line": place[0], "character": place[1]}
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, text)
        params = {"textDocument": {"uri": URI}, "position": position}
        shown = await editor.request("textDocument/hover", params)
    for words in said:
        assert words in shown["contents"]["value"]


@pytest.mark.parametrize(
    ("text", "place", "said", "unsaid"),
    [
        (STEPS.replace("echo", "cp a b && rm b"), (4, 22), "Deletes b.", "Copies"),
        (STEPS.replace("echo", "cp a b && rm b"), (4, 10), "Copies a to b.", "Deletes"),
        (
            STEPS.replace("echo", "|\n      cp a b\n      sudo rm b"),
            (6, 12),
            "Deletes b.",
            "Copies",
        ),
        (
            STEPS.replace("echo", "|\n      cp a b\n      sudo rm b"),
            (6, 7),
            "As root: deletes",
            "Copies",
        ),
        (STEPS + "    undo: {run: rm c}\n", (5, 17), "Deletes c.", "Prints"),
        (STEPS.replace("echo", "rm b"), (4, 4), "the script", "Deletes"),
        (STEPS + "    shell: python\n", (4, 10), "Runs a Python script", "Prints"),
    ],
)
async def test_hover_explains_the_command_under_the_pointer(
    tmp_path: Path, text: str, place: tuple[int, int], said: str, unsaid: str
) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, text)
        position = {"line": place[0], "character": place[1]}
        params = {"textDocument": {"uri": URI}, "position": position}
        shown = (await editor.request("textDocument/hover", params))["contents"]["value"]
    assert said in shown
    assert unsaid not in shown


async def test_hover_names_parts_in_code_whatever_they_hold(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, STEPS.replace("echo", "rm 'a`b' c"))
        params = {"textDocument": {"uri": URI}, "position": {"line": 4, "character": 10}}
        shown = (await editor.request("textDocument/hover", params))["contents"]["value"]
    assert "- `` 'a`b' `` a file or folder to delete\n- `c` a file or folder to delete" in shown


@pytest.mark.parametrize("text", ["", "flow: [", "a: b\n"])
async def test_hover_over_nothing_known_is_nothing(tmp_path: Path, text: str) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, text)
        params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
        assert await editor.request("textDocument/hover", params) is None


TYPING = """flow: 1
inputs:
  version:
    {input}
defaults:
  {defaults}
steps:
  - id: build
    run: make
    retry:
      {retry}
  - {first}
    {key}
    needs:
      - {item}
    needs: [{flow}
    on_error: {{goto: {goto}
    on_interrupt: {fixed}
    tty: {boolean}
    undo:
      retry:
        {deep}
  - id: last-one
{top}"""


@pytest.mark.parametrize(
    ("spot", "there", "not_there"),
    [
        ("top", ["steps", "inputs"], ["run"]),
        ("key", ["undo", "on_interrupt", "for_each", "as", "artifacts"], ["steps"]),
        ("first", ["id", "run"], ["steps"]),
        ("retry", ["attempts", "backoff"], ["run"]),
        ("deep", ["attempts"], ["timeout"]),
        ("input", ["pattern", "choices"], ["run"]),
        ("defaults", ["shell", "sandbox"], ["run"]),
        ("item", ["build", "last-one"], ["run"]),
        ("flow", ["build", "last-one"], ["run"]),
        ("goto", ["last-one"], ["stop"]),
        ("fixed", ["ask", "check"], ["build"]),
        ("boolean", ["true", "false"], []),
    ],
)
async def test_completion_offers_what_can_stand_there(
    tmp_path: Path, spot: str, there: list[str], not_there: list[str]
) -> None:
    spots = ("input", "defaults", "retry", "first", "key", "item", "flow", "goto", "fixed")
    marks = dict.fromkeys((*spots, "boolean", "deep", "top"), "")
    before = TYPING.format(**{**marks, spot: "\0"}).partition("\0")[0]
    line = before.count("\n")
    position = {"line": line, "character": len(before) - before.rfind("\n") - 1}
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(URI, TYPING.format(**marks))
        params = {"textDocument": {"uri": URI}, "position": position}
        labels = {i["label"] for i in await editor.request("textDocument/completion", params)}
    assert set(there) <= labels
    assert not set(not_there) & labels


async def test_a_failing_judge_ends_a_feature_and_not_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def judge(self, script: str, **more: object) -> Any:
            raise RuntimeError("broken rules")

    services = services_in(tmp_path, ScriptedRuns(), judge=Broken())
    async with editing(services) as editor:
        await editor.open(URI, STEPS)
        with pytest.raises(Refused, match="flowd made a mistake"):
            params = {"textDocument": {"uri": URI}, "position": {"line": 3, "character": 5}}
            await editor.request("textDocument/hover", params)
        assert await editor.request("textDocument/codeLens", {"textDocument": {"uri": URI}})
    assert "editor feature" in caplog.text


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("textDocument/nothing", {}, -32601),
        ("textDocument/hover", {"textDocument": 3}, -32602),
        ("textDocument/hover", None, -32602),
        ("workspace/executeCommand", {"command": "rm"}, -32602),
        ("workspace/executeCommand", {"command": "flow.run", "arguments": [{}]}, -32602),
        ("workspace/executeCommand", {"command": "flow.run", "arguments": ["x"]}, -32602),
    ],
)
async def test_what_is_not_understood_is_refused(
    tmp_path: Path, method: str, params: Any, code: int
) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        with pytest.raises(Refused) as caught:
            await editor.request(method, params)
    assert caught.value.error["code"] == code


async def test_strange_notifications_are_passed_over(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.notify("textDocument/didChange", {"textDocument": {}})
        await editor.notify("textDocument/didChange", None)
        await editor.notify("workspace/didChangeConfiguration", {"settings": None})
        await editor.notify("$/setTrace", {"value": "off"})
        await editor.change("file:///never/opened", 2, {"text": "x"})
        assert await editor.request("textDocument/codeLens", {"textDocument": {"uri": URI}}) == []


class SlowReader:
    """A judge that tells when it has come to the first step and to the last."""

    def __init__(self) -> None:
        self.first, self.last = trio.Event(), trio.Event()

    def judge(self, script: str, **more: object) -> Any:
        {"first": self.first, "last": self.last}.get(script, trio.Event()).set()
        return ScriptedJudge().judge(script)

    def can_save(self, script: str, **more: object) -> bool:
        return False


def long_workflow() -> str:
    """So many steps that the editor can do things while they are judged."""
    scripts = ["first", *(f"block {n}" for n in range(400)), "last"]
    steps = (f"  - {{id: s{n}, run: {script}}}\n" for n, script in enumerate(scripts))
    return "flow: 1\nname: long\nsteps:\n" + "".join(steps)


async def test_nothing_is_shown_of_a_text_that_was_closed_while_it_was_judged(
    tmp_path: Path,
) -> None:
    judge = SlowReader()
    async with editing(services_in(tmp_path, ScriptedRuns(), judge=judge)) as editor:
        await editor.open(URI, long_workflow())
        await judge.first.wait()
        await editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert await editor.diagnostics(URI) == []
        assert not judge.last.is_set(), "the text was judged too quickly for this test to tell"
        await judge.last.wait()
        await editor.request("textDocument/codeLens", {"textDocument": {"uri": URI}})
        assert editor.heard == []


async def test_what_is_shown_is_of_the_text_as_it_is(tmp_path: Path) -> None:
    judge = SlowReader()
    async with editing(services_in(tmp_path, ScriptedRuns(), judge=judge)) as editor:
        await editor.open(URI, long_workflow())
        await judge.first.wait()
        await editor.change(URI, 2, {"text": "nme: x\n" + STEPS})
        found = await editor.diagnostics(URI)
        assert [d["message"].splitlines()[0] for d in found] == ["unknown key 'nme'"]
