"""The real daemon over `flowd --stdio`, driven by a client nobody here wrote.

pytest-lsp plays the clients by the capabilities they announce, and checks every message of ours
against the protocol and against what that client said it can take.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

PATIENCE = 30  # seconds; the first client waits for the daemon to start

WORKFLOW = """flow: 1
name: greet
inputs:
  whom: {type: string, default: world}
steps:
  - id: hello
    run: |
      echo "😀 hello $whom"; rm -rf /
  - id: bye
    neds: [hello]
    run: echo bye
    on_error: {goto: helo}
"""
GREETING = """flow: 1
name: greet
steps:
  - id: hello
    run: echo hello > greeting.txt
    undo: rm greeting.txt
"""


@pytest.fixture(autouse=True)  # pytest-lsp starts the server before the fixtures of `client`
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A FLOW_HOME of this test's own, which the daemon inherits; the daemon ends with it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("FLOW_HOME", str(folder))
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    yield folder
    stop = [sys.executable, "-m", "flowctl.main", "daemon", "stop"]
    subprocess.run(stop, check=True, capture_output=True, timeout=PATIENCE)


@pytest_lsp.fixture(
    config=ClientServerConfig(server_command=[sys.executable, "-m", "flowd.main", "--stdio"]),
    params=["visual_studio_code", "neovim", "emacs", "nothing"],
)
async def client(
    lsp_client: LanguageClient, request: pytest.FixtureRequest, home: Path, tmp_path: Path
) -> AsyncIterator[None]:
    """A client that has shaken hands."""
    name = request.param
    capabilities = types.ClientCapabilities() if name == "nothing" else client_capabilities(name)
    params = types.InitializeParams(
        capabilities=capabilities,
        root_uri=tmp_path.as_uri(),
        workspace_folders=[types.WorkspaceFolder(uri=tmp_path.as_uri(), name="work")],
    )
    asked: list[types.ShowMessageRequestParams] = []
    edits: list[types.ApplyWorkspaceEditParams] = []

    @lsp_client.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
    def choose(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        asked.append(params)
        return params.actions[0] if params.actions else None

    @lsp_client.feature(types.WORKSPACE_APPLY_EDIT)
    def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        edits.append(params)
        return types.ApplyWorkspaceEditResult(applied=True)

    lsp_client.asked = asked  # type: ignore[attr-defined]
    lsp_client.edits = edits  # type: ignore[attr-defined]
    lsp_client.told = await asyncio.wait_for(  # type: ignore[attr-defined]
        lsp_client.initialize_session(params), PATIENCE
    )
    yield
    await lsp_client.shutdown_session()


def open_document(client: LanguageClient, path: Path, text: str, language: str = "yaml") -> str:
    """Open a document; give its URI."""
    uri = path.as_uri()
    document = types.TextDocumentItem(uri=uri, language_id=language, version=1, text=text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=document))
    return uri


async def until(condition: Callable[[], Any]) -> Any:
    """Let the client work until something is there; give it."""

    async def wait() -> Any:
        while not (found := condition()):
            await asyncio.sleep(0.02)
        return found

    return await asyncio.wait_for(wait(), PATIENCE)


async def diagnostics_of(client: LanguageClient, uri: str) -> list[types.Diagnostic]:
    """Wait for what is wrong with a document."""
    await until(lambda: uri in client.diagnostics)
    return list(client.diagnostics[uri])


async def execute(client: LanguageClient, command: str, argument: dict[str, Any]) -> Any:
    """Execute a command."""
    params = types.ExecuteCommandParams(command=command, arguments=[argument])
    return await asyncio.wait_for(client.workspace_execute_command_async(params), PATIENCE)


def text_at(text: str, place: types.Range, encoding: str | None) -> str:
    """The text of a range in one line, counted as was agreed on."""
    codec, width = {"utf-8": ("utf-8", 1), "utf-32": ("utf-32-le", 4)}.get(
        encoding or "utf-16", ("utf-16-le", 2)
    )
    line = text.splitlines()[place.start.line].encode(codec)
    return line[place.start.character * width : place.end.character * width].decode(codec)


def position_of(position: types.Position) -> dict[str, int]:
    """A position as plain data."""
    return {"line": position.line, "character": position.character}


def field(result: Any, name: str) -> Any:
    """Look into an untyped result, which pygls gives as objects."""
    return result[name] if isinstance(result, dict) else getattr(result, name)


async def test_an_editors_day(client: LanguageClient, tmp_path: Path) -> None:
    """One daemon start for the whole story: starting it is what costs."""
    uri = open_document(client, tmp_path / "greet.flow.yaml", WORKFLOW)

    # What is wrong is shown where it is, counted as the client counts.
    encoding = client.told.capabilities.position_encoding
    found = await diagnostics_of(client, uri)
    messages = {d.message.splitlines()[0]: d for d in found}
    assert "unknown key 'neds' in a step" in messages
    assert any("goto" in m or "'helo'" in m for m in messages)
    blocked = [d for d in found if d.code and d.severity == types.DiagnosticSeverity.Error]
    assert [text_at(WORKFLOW, d.range, encoding) for d in blocked] == ["/"]  # of `rm -rf /`

    # The misspelled key is put right by an action, and the diagnostic goes away.
    wrong = messages["unknown key 'neds' in a step"]
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(
            text_document=types.TextDocumentIdentifier(uri=uri),
            range=wrong.range,
            context=types.CodeActionContext(
                diagnostics=[wrong], only=[types.CodeActionKind.QuickFix]
            ),
        )
    )
    assert actions is not None
    (fix,) = actions
    (edit,) = fix.edit.changes[uri]
    assert edit.new_text == "needs"
    client.diagnostics.pop(uri)
    change = types.TextDocumentContentChangePartial(range=edit.range, text=edit.new_text)
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            text_document=types.VersionedTextDocumentIdentifier(version=2, uri=uri),
            content_changes=[change],
        )
    )
    assert "neds" not in str(await diagnostics_of(client, uri))

    # Hover, completion and lenses answer.
    position = types.Position(5, 6)
    where = {"text_document": types.TextDocumentIdentifier(uri=uri), "position": position}
    hover = await client.text_document_hover_async(types.HoverParams(**where))
    assert "is blocked" in hover.contents.value
    completion = await client.text_document_completion_async(
        types.CompletionParams(**{**where, "position": types.Position(12, 0)})
    )
    assert "steps" in [item.label for item in completion]
    lenses = await client.text_document_code_lens_async(
        types.CodeLensParams(text_document=types.TextDocumentIdentifier(uri=uri))
    )
    assert [lens.command.title for lens in lenses] == ["Run", "Undo", "Check"]

    # A line in any file becomes a workflow file.
    notes = open_document(client, tmp_path / "notes.md", "- [ ] show disk usage\n", "markdown")
    line = types.Range(types.Position(0, 8), types.Position(0, 8))
    offered = await client.text_document_code_action_async(
        types.CodeActionParams(
            text_document=types.TextDocumentIdentifier(uri=notes),
            range=line,
            context=types.CodeActionContext(
                diagnostics=[], trigger_kind=types.CodeActionTriggerKind.Invoked
            ),
        )
    )
    titles = [action.title for action in offered]
    assert titles[0] == "Suggest workflow"
    assert titles[1].startswith("Flow: ")
    resolved = await client.code_action_resolve_async(offered[1])
    assert "flow: 1" in str(resolved.edit)
    assert f"{tmp_path.as_uri()}/.flow/" in str(resolved.edit)

    # The command finds more, lets the user choose, and makes the file.
    # (lsprotocol reads every action with a command as a bare command, so it is spelled out here.)
    argument = {
        "uri": notes,
        "range": {"start": position_of(line.start), "end": position_of(line.end)},
    }
    suggested = await execute(client, "flow.suggest", argument)
    assert field(suggested, "suggestions")
    await until(lambda: client.edits)
    assert "flow: 1" in str(client.edits[0].edit)


async def test_a_lens_runs_and_undoes(client: LanguageClient, tmp_path: Path) -> None:
    uri = open_document(client, tmp_path / "greet.flow.yaml", GREETING)
    run = field(await execute(client, "flow.run", {"uri": uri}), "run")
    told = await message_with(client, "greet")
    assert told == "Flow: greet succeeded"
    assert (tmp_path / "greeting.txt").read_text() == "hello\n"
    client.messages.clear()
    undone = await execute(client, "flow.undo", {"uri": uri})
    assert field(undone, "run") == run
    assert "greet compensated" in await message_with(client, "greet")
    assert not (tmp_path / "greeting.txt").exists()
    checked = await execute(client, "flow.check", {"uri": uri})
    assert field(checked, "valid") is True


async def message_with(client: LanguageClient, words: str) -> str:
    """Wait for a message to the user."""
    found: list[str] = await until(
        lambda: [shown.message for shown in client.messages if words in shown.message]
    )
    return found[0]
