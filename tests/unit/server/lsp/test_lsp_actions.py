"""Quick fixes, suggestions, and what the commands do."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flowd.domain import events as e
from flowd.domain.parse import parse_workflow
from flowd.domain.suggestions import SuggestAnswer, SuggestRequest
from flowd.errors import ProviderFailed
from flowd.server.lsp.suggesting import task_in
from flowd.server.trust import Trust
from support.daemon import ScriptedLearning, ScriptedRuns, ScriptedSuggester, services_in
from support.editor import ABLE, Editor, Json, Refused, at, editing

STEPS = "flow: 1\nname: demo\nsteps:\n  - id: a\n    run: echo\n"
INVOKED, AUTOMATIC = 1, 2


async def actions_at(editor: Editor, uri: str, chosen: Json, **context: Any) -> list[Json]:
    """Ask what can be done there."""
    params = {
        "textDocument": {"uri": uri},
        "range": chosen,
        "context": {"diagnostics": [], **context},
    }
    found: list[Json] = await editor.request("textDocument/codeAction", params)
    return found


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("# tag a release", "tag a release"),
        ("    // TODO: tag a release", "tag a release"),
        ("  /* tag a release */", "tag a release"),
        ("<!-- tag a release -->", "tag a release"),
        ("-- FIXME(me): tag a release", "tag a release"),
        ("- [ ] tag a release", "tag a release"),
        ("1. tag a release", "tag a release"),
        ('"""tag a release"""', "tag a release"),
        (";; tag a release", "tag a release"),
        ("# tag a release\n#\n#   and push it\n", "tag a release and push it"),
        (" * tag a release\n * and push it\n", "tag a release and push it"),
        ("git tag v1", "git tag v1"),
        ("#!/bin/sh", "/bin/sh"),
        ("}", "}"),
        ("#", ""),
        ("", ""),
        ("# " + "word " * 1000, ("word " * 1000)[:1000]),
    ],
)
def test_the_task_is_the_text_without_comment_marks(text: str, task: str) -> None:
    assert task_in(text) == task


async def test_a_misspelled_name_can_be_put_right(tmp_path: Path) -> None:
    uri = "file:///work/x.flow.yaml"
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(uri, STEPS + "    neds: []\n")
        diagnostics = await editor.diagnostics(uri)
        actions = await actions_at(
            editor, uri, at(5, 4), diagnostics=diagnostics, only=["quickfix"]
        )
        assert await actions_at(editor, uri, at(4, 4), only=["quickfix"]) == []
    (action,) = actions
    assert (action["title"], action["kind"]) == ("Change to needs", "quickfix")
    assert action["diagnostics"] == diagnostics
    assert action["edit"]["changes"] == {uri: [{"range": at(5, 4, 8), "newText": "needs"}]}


@pytest.mark.parametrize(
    ("language", "line", "chosen", "context", "titles"),
    [
        ("python", "# tag it now", at(0, 3), {"triggerKind": AUTOMATIC}, ["Suggest workflow"]),
        ("python", "tag = it.now()", at(0, 3), {"triggerKind": AUTOMATIC}, []),
        ("python", "tag = it.now()", at(0, 0, 8), {"triggerKind": AUTOMATIC}, ["Suggest workflow"]),
        ("markdown", "tag it now", at(0, 3), {"triggerKind": AUTOMATIC}, ["Suggest workflow"]),
        ("python", "tag = it.now()", at(0, 3), {"triggerKind": INVOKED},
         ["Suggest workflow", "Flow: A recipe"]),
        ("python", "# tag it now", at(0, 3), {"only": ["refactor"]},
         ["Suggest workflow", "Flow: A recipe"]),
        ("python", "# tag it now", at(0, 3), {}, ["Suggest workflow"]),
        ("python", "# tag it now", at(0, 3), {"only": ["quickfix"], "triggerKind": INVOKED}, []),
        ("python", "# tag it now", at(0, 3), {"only": ["source.fixAll"]}, []),
        ("python", "  }", at(0, 1), {"triggerKind": INVOKED}, []),
        ("python", "", at(0, 0), {"triggerKind": INVOKED}, []),
    ],
)  # fmt: skip
async def test_suggestions_are_offered_where_they_make_sense(
    tmp_path: Path, language: str, line: str, chosen: Json, context: Json, titles: list[str]
) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open("file:///work/x", line, language)
        actions = await actions_at(editor, "file:///work/x", chosen, **context)
    assert [action["title"] for action in actions] == titles
    assert all(action["kind"] == "refactor" for action in actions)


async def test_a_suggestion_is_written_down_only_when_it_is_chosen(tmp_path: Path) -> None:
    suggester = ScriptedSuggester()
    uri = (tmp_path / "notes.md").as_uri()
    async with editing(
        services_in(tmp_path, ScriptedRuns(), suggester=suggester), rootUri=tmp_path.as_uri()
    ) as editor:
        await editor.open(uri, "- [ ] tag it", "markdown")
        (_, action) = await actions_at(editor, uri, at(0, 0), triggerKind=INVOKED)
        assert "edit" not in action
        resolved = await editor.request("codeAction/resolve", action)
    create, fill = resolved["edit"]["documentChanges"]
    target = (tmp_path / ".flow" / "story.flow.yaml").as_uri()
    assert (create["kind"], create["uri"]) == ("create", target)
    assert fill["textDocument"]["uri"] == target
    assert parse_workflow(fill["edits"][0]["newText"]) == suggester.recipe.workflow
    (request,) = suggester.requests
    assert (request.task, request.selection) == ("tag it", "- [ ] tag it")
    assert (request.cwd, request.language) == (str(tmp_path), "markdown")
    assert request.providers == ["offline"]


async def test_a_run_of_a_suggestions_file_says_which_it_was(tmp_path: Path) -> None:
    learning = ScriptedLearning()
    stale = {"title": "x", "data": {"suggestion": "recipe", "uri": (tmp_path / "x").as_uri()}}
    services = services_in(tmp_path, ScriptedRuns(), learning=learning)
    async with editing(services, rootUri=tmp_path.as_uri()) as editor:
        resolved = await editor.request("codeAction/resolve", stale)
        target = resolved["edit"]["documentChanges"][0]["uri"]
        for uri in (target, (tmp_path / "other.flow.yaml").as_uri()):
            await editor.open(uri, STEPS)
            await editor.execute("flow.run", uri=uri)
    assert [noted[-1] for noted in learning.noted] == ["recipe", ""]


async def test_a_new_file_never_takes_the_name_of_another(tmp_path: Path) -> None:
    (tmp_path / ".flow").mkdir()
    (tmp_path / ".flow" / "story.flow.yaml").touch()
    uri = (tmp_path / "notes.md").as_uri()
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(uri, "tag it", "markdown")
        (_, action) = await actions_at(editor, uri, at(0, 0), triggerKind=INVOKED)
        resolved = await editor.request("codeAction/resolve", action)
    assert resolved["edit"]["documentChanges"][0]["uri"].endswith("/.flow/story-2.flow.yaml")


async def test_an_editor_that_cannot_resolve_gets_the_edit_at_once(tmp_path: Path) -> None:
    uri = (tmp_path / "notes.md").as_uri()
    async with editing(services_in(tmp_path, ScriptedRuns()), {}) as editor:
        await editor.open(uri, "tag it", "markdown")
        (_, action) = await actions_at(editor, uri, at(0, 0), triggerKind=INVOKED)
    (target,) = action["edit"]["changes"]
    assert target == (tmp_path / ".flow" / "story.flow.yaml").as_uri()


async def test_a_forgotten_suggestion_cannot_be_resolved(tmp_path: Path) -> None:
    stale = {"title": "x", "data": {"suggestion": "gone", "uri": "file:///x"}}
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        with pytest.raises(Refused, match="no suggestion"):
            await editor.request("codeAction/resolve", stale)
        foreign = {"title": "somebody else's", "data": 5}
        assert await editor.request("codeAction/resolve", foreign) == foreign


async def test_a_menu_opens_without_a_suggester_that_fails(tmp_path: Path) -> None:
    class Failing(ScriptedSuggester):
        async def suggest(self, request: SuggestRequest) -> SuggestAnswer:
            raise ProviderFailed("no index")

    services = services_in(tmp_path, ScriptedRuns(), suggester=Failing())
    async with editing(services) as editor:
        await editor.open("file:///work/x", "tag it", "markdown")
        actions = await actions_at(editor, "file:///work/x", at(0, 0), triggerKind=INVOKED)
    assert [action["title"] for action in actions] == ["Suggest workflow"]


async def test_the_command_gives_suggestions_and_opens_the_chosen_one(tmp_path: Path) -> None:
    uri = (tmp_path / "notes.md").as_uri()
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        editor.answers["window/showMessageRequest"] = lambda asked: asked["actions"][0]
        editor.answers["workspace/applyEdit"] = lambda _: {"applied": True}
        editor.answers["window/showDocument"] = lambda _: {"success": True}
        await editor.open(uri, "# tag a release", "markdown")
        result = await editor.execute("flow.suggest", uri=uri, range=at(0, 3))
        assert result["task"] == "tag a release"
        assert [row["id"] for row in result["suggestions"]] == ["recipe"]
        asked = await editor.hear("window/showMessageRequest")
        assert asked["actions"] == [{"title": "1. A recipe (1 step)"}]
        applied = await editor.hear("workspace/applyEdit")
        target = (tmp_path / ".flow" / "story.flow.yaml").as_uri()
        assert applied["edit"]["documentChanges"][0]["uri"] == target
        assert (await editor.hear("window/showDocument"))["uri"] == target


@pytest.mark.parametrize("chosen", [None, {"title": "something else"}])
async def test_nothing_is_made_when_nothing_is_chosen(tmp_path: Path, chosen: Json | None) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        editor.answers["window/showMessageRequest"] = lambda _: chosen
        await editor.execute("flow.suggest", task="tag it")
        await editor.hear("window/showMessageRequest")
        await editor.request("textDocument/codeLens", {"textDocument": {"uri": "x"}})
        assert editor.heard == []


async def test_an_editor_that_cannot_ask_opens_the_best_one(tmp_path: Path) -> None:
    able = {**ABLE, "window": {"showDocument": {"support": True}}}
    async with editing(services_in(tmp_path, ScriptedRuns()), able) as editor:
        editor.answers["workspace/applyEdit"] = lambda _: {
            "applied": False,
            "failureReason": "read-only",
        }
        await editor.execute("flow.suggest", task="tag it", uri=(tmp_path / "x").as_uri())
        await editor.hear("workspace/applyEdit")
        assert "read-only" in (await editor.hear("window/showMessage"))["message"]


async def test_suggestions_can_be_had_without_being_shown(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        result = await editor.execute("flow.suggest", task="tag it", pick=False)
        assert result["suggestions"][0]["workflow"]["name"] == "story"
        await editor.request("textDocument/codeLens", {"textDocument": {"uri": "x"}})
        assert editor.heard == []


async def test_no_task_is_refused(tmp_path: Path) -> None:
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        with pytest.raises(Refused, match="there is no task"):
            await editor.execute("flow.suggest", task=" ")
        with pytest.raises(Refused, match="range is no range"):
            await editor.open("file:///x", "x")
            await editor.execute("flow.suggest", uri="file:///x", range={"start": 1})


async def test_running_takes_the_text_as_it_stands_in_the_editor(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    path = tmp_path / "x.flow.yaml"
    path.write_text(STEPS)
    async with editing(services_in(tmp_path, runs), rootUri=tmp_path.as_uri()) as editor:
        assert await editor.execute("flow.run", uri=path.as_uri()) == {"run": "run1"}
        await editor.open(path.as_uri(), STEPS.replace("demo", "unsaved"))
        await editor.execute("flow.run", uri=path.as_uri(), inputs={"n": 3})
    assert [request.workflow.name for request in runs.started] == ["demo", "unsaved"]
    assert runs.started[1].cwd == str(tmp_path)
    assert runs.started[1].inputs == {"n": 3}
    assert runs.started[1].origin == str(path)
    assert not runs.started[1].approve


@pytest.mark.parametrize(
    ("text", "said"),
    [("flow: 1\n", "'name' is missing"), (None, "there is no file"), ("\udcff", "not UTF-8")],
)
async def test_what_cannot_be_run_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "x.flow.yaml"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        with pytest.raises(Refused, match=said):
            await editor.execute("flow.run", uri=path.as_uri())


async def test_a_file_of_a_checkout_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.flow.yaml").write_text(STEPS)
    for words in (("init", "-q"), ("add", "."), ("remote", "add", "origin", "elsewhere")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    runs = ScriptedRuns()
    async with editing(services_in(tmp_path, runs, trust=Trust())) as editor:
        with pytest.raises(Refused, match="you trust") as refused:
            await editor.execute("flow.run", uri=(tmp_path / "x.flow.yaml").as_uri())
    assert refused.value.error["data"]["code"] == "untrusted_folder"
    assert runs.started == []


async def test_progress_questions_and_the_outcome_of_a_run_are_shown(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs)) as editor:
        editor.answers["window/workDoneProgress/create"] = lambda _: None
        editor.answers["window/showMessageRequest"] = lambda _: {"title": "yes"}
        await editor.open(uri, STEPS)
        await editor.execute("flow.run", uri=uri)
        begun = await editor.hear("$/progress")
        assert begun["value"]["title"] == "Flow: demo"
        await runs.tell("run1", e.StepStarted(at=2, step="a", attempt=1))
        assert (await editor.hear("$/progress"))["value"]["message"] == "a"
        await runs.tell(
            "run1", e.QuestionAsked(at=3, step="a", about="approval", question="Push it?")
        )
        asked = await editor.hear("window/showMessageRequest")
        assert asked["message"] == "demo, step a: Push it?"
        assert [action["title"] for action in asked["actions"]] == ["yes", "no", "skip"]
        finished = e.StepFinished(at=4, step="a", attempt=1, outcome="failed", reason="exit 3")
        await runs.tell("run1", finished, e.RunFinished(at=5, state="failed"))
        told = await editor.hear("window/showMessage")
        assert told["type"] == 1
        assert "demo failed (step a: exit 3)" in told["message"]
        await editor.hear("$/progress", lambda params: params["value"]["kind"] == "end")
    assert ("answer", "run1", "a", "yes", "unnamed client") in runs.asked


async def test_a_question_answered_elsewhere_is_not_answered_again(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs)) as editor:
        editor.silent.add("window/showMessageRequest")
        await editor.open(uri, STEPS)
        await editor.execute("flow.run", uri=uri)
        asked = e.QuestionAsked(at=3, step="a", about="lost", question="Was it done?")
        await runs.tell("run1", asked)
        titles = [a["title"] for a in (await editor.hear("window/showMessageRequest"))["actions"]]
        assert titles == ["yes", "no", "retry", "skip", "undo"]
        await runs.tell(
            "run1",
            e.QuestionAnswered(at=4, step="a", answer="no"),
            e.RunFinished(at=5, state="failed"),
        )
        await editor.hear("window/showMessage")
        await editor.answer_late({"title": "yes"})
        await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert runs.asked == []


async def test_a_workflow_runs_in_the_innermost_open_folder(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    uri = (inner / "deep" / "x.flow.yaml").as_uri()
    runs = ScriptedRuns()
    folder = {"uri": tmp_path.as_uri(), "name": "outer"}
    async with editing(services_in(tmp_path, runs), workspaceFolders=[folder]) as editor:
        await editor.open(uri, STEPS)
        await editor.execute("flow.run", uri=uri)
        added = {"added": [{"uri": inner.as_uri(), "name": "inner"}], "removed": []}
        await editor.notify("workspace/didChangeWorkspaceFolders", {"event": added})
        await editor.execute("flow.run", uri=uri)
        removed = {"added": [], "removed": [folder, *added["added"]]}
        await editor.notify("workspace/didChangeWorkspaceFolders", {"event": removed})
        await editor.execute("flow.run", uri=uri)
    assert [r.cwd for r in runs.started] == [str(tmp_path), str(inner), str(inner / "deep")]


async def test_an_editor_without_progress_or_questions_is_told_in_words(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs), {}) as editor:
        await editor.open(uri, STEPS)
        await editor.execute("flow.run", uri=uri)
        asked = e.QuestionAsked(at=3, step="a", about="approval", question="Push it?")
        await runs.tell("run1", asked)
        told = (await editor.hear("window/showMessage"))["message"]
        assert "flowctl answer run1 a yes|no|skip" in told
        await runs.tell("run1", e.RunFinished(at=5, state="succeeded"))
        assert (await editor.hear("window/showMessage"))["message"] == "Flow: demo succeeded"
        assert not [m for m in editor.heard if m["method"] == "$/progress"]


async def test_a_step_on_a_terminal_says_how_to_reach_it(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs)) as editor:
        await editor.open(uri, STEPS + "  - id: b\n    run: npm init\n    tty: true\n")
        await editor.execute("flow.run", uri=uri)
        started = [e.StepStarted(at=2, step=step, attempt=1) for step in ("a", "b")]
        await runs.tell("run1", *started)
        told = (await editor.hear("window/showMessage"))["message"]
        assert told == "Flow: demo: b runs on a terminal, type there with flowctl attach run1"
        await runs.tell("run1", e.RunFinished(at=5, state="succeeded"))
        assert (await editor.hear("window/showMessage"))["message"] == "Flow: demo succeeded"


async def test_an_editor_that_connects_is_told_which_runs_of_its_folders_wait(
    tmp_path: Path,
) -> None:
    runs = ScriptedRuns()
    folders = [{"uri": tmp_path.as_uri(), "name": "here"}]
    asked = e.QuestionAsked(at=3, step="a", about="lost", question="Was it done?")
    for run in ("run1", "run2", "run3"):
        runs.begin(run, "a")
        started = msgspec.structs.replace(
            runs.events[-1].event, cwd="/elsewhere" if run == "run3" else str(tmp_path / "sub")
        )
        runs.events[-1] = msgspec.structs.replace(runs.events[-1], event=started)
    runs.write("run1", e.StepStarted(at=2, step="a", attempt=1), asked)
    runs.write("run3", e.StepStarted(at=2, step="a", attempt=1), asked)
    async with editing(services_in(tmp_path, runs), workspaceFolders=folders) as editor:
        told = (await editor.hear("window/showMessage"))["message"]
        assert told == "Flow: story waits: Was it done? (flowctl attach run1)"
    runs.write("run2", e.StepStarted(at=2, step="a", attempt=1), asked)
    async with editing(services_in(tmp_path, runs), workspaceFolders=folders) as editor:
        told = (await editor.hear("window/showMessage"))["message"]
        assert told == "Flow: 2 runs here wait for you: story, story (flowctl ps lists them)"


async def test_cancelling_the_progress_cancels_the_run(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs)) as editor:
        editor.answers["window/workDoneProgress/create"] = lambda _: None
        await editor.open(uri, STEPS)
        await editor.execute("flow.run", uri=uri)
        token = (await editor.hear("$/progress"))["token"]
        await editor.notify("window/workDoneProgress/cancel", {"token": token})
        await editor.notify("window/workDoneProgress/cancel", {"token": "of-somebody-else"})
        await editor.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert [asked for asked in runs.asked if asked[0] == "cancel"] == [
        ("cancel", "run1", "unnamed client")
    ]


@pytest.mark.parametrize(("answer", "undone"), [("Undo", True), ("Leave it", False)])
async def test_the_newest_run_of_a_file_is_undone_after_asking(
    tmp_path: Path, answer: str, undone: bool
) -> None:
    runs = ScriptedRuns()
    for run in ("old", "new"):
        runs.begin(run, "a", name="demo")
        runs.write(run, e.RunFinished(at=9, state="succeeded"))
    runs.begin("other", "a", name="demo-2")
    runs.write("other", e.RunFinished(at=9, state="succeeded"))
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs)) as editor:
        editor.answers["window/showMessageRequest"] = lambda _: {"title": answer}
        await editor.open(uri, STEPS)
        result = await editor.execute("flow.undo", uri=uri)
        assert (await editor.hear("window/showMessageRequest"))["message"].startswith(
            "Undo run new of demo?"
        )
    assert (("undo", "new", "unnamed client") in runs.asked) is undone
    assert result == ({"run": "new", "state": "running"} if undone else None)


async def test_a_named_run_is_undone_and_an_absent_one_is_told(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    runs.begin("abcdef", "a")
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, runs)) as editor:
        assert (await editor.execute("flow.undo", run="abc"))["run"] == "abcdef"
        await editor.open(uri, STEPS)
        with pytest.raises(Refused, match="no finished run of demo"):
            await editor.execute("flow.undo", uri=uri)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (STEPS, 3, "demo is valid: 1 step"),
        (STEPS.replace("echo", "confirm"), 3, "asks before a"),
        (STEPS.replace("echo", "block"), 1, "demo is blocked: a"),
        (STEPS + "  - id: a\n", 1, "line 6: "),
    ],
)
async def test_checking_tells_the_verdict(tmp_path: Path, text: str, kind: int, said: str) -> None:
    uri = (tmp_path / "x.flow.yaml").as_uri()
    async with editing(services_in(tmp_path, ScriptedRuns())) as editor:
        await editor.open(uri, text)
        result = await editor.execute("flow.check", uri=uri)
        told = await editor.hear("window/showMessage")
        await editor.diagnostics(uri)
    assert (told["type"], said in told["message"]) == (kind, True)
    assert result["verdict"] in ("allow", "confirm", "block")
