"""Where workflows come from, and where they do not."""

import os
from pathlib import Path

import pytest
import trio

from flowd.errors import InvalidInput, InvalidWorkflow, NotFound
from flowd.server.sources import find_workflow, folder_of, read_workflow_file
from flowproto.runs import RunParams
from support.daemon import ScriptedSuggester


def put(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"flow: 1\nname: {name}\nsteps:\n- id: a\n  run: 'true'\n")
    return path


async def found(tmp_path: Path, cwd: Path, **params: object) -> tuple[str, str]:
    workflow, origin = await find_workflow(
        RunParams(**params),
        cwd,
        suggester=ScriptedSuggester(),
        templates=tmp_path / "config" / "templates",
    )
    return workflow.name, origin


def test_a_folder_must_be_absolute_and_is_home_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder_of(None) == tmp_path
    assert folder_of("/srv") == Path("/srv")
    for relative in ("", ".", "a/b", "~"):
        with pytest.raises(InvalidInput, match="absolute"):
            folder_of(relative)


@pytest.mark.parametrize(
    "params", [{}, {"text": "x", "path": "y"}, {"template": "t", "suggestion": "s"}]
)
async def test_exactly_one_source_is_wanted(tmp_path, params):
    with pytest.raises(InvalidInput, match="given, where one thing is wanted"):
        await found(tmp_path, tmp_path, **params)


async def test_paths_are_in_the_folder_absolute_or_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here = put(tmp_path / "project" / "w.flow.yaml", "here")
    home = put(tmp_path / "home" / "w.flow.yaml", "home")
    cwd = tmp_path / "project"
    assert await found(tmp_path, cwd, path="w.flow.yaml") == ("here", str(here))
    assert await found(tmp_path, cwd, path=str(home)) == ("home", str(home))
    assert await found(tmp_path, cwd, path="~/w.flow.yaml") == ("home", str(home))


async def test_templates_of_the_project_come_before_the_users_before_built_in_ones(tmp_path):
    cwd = tmp_path / "project" / "deep" / "er"
    cwd.mkdir(parents=True)
    (tmp_path / "project" / ".git").mkdir()

    async def now() -> str:
        return (await found(tmp_path, cwd, template="recipe"))[0]

    assert await now() == "story"  # what the suggester recalls
    put(tmp_path / "config/templates/recipe.flow.yaml", "mine")
    assert await now() == "mine"
    put(tmp_path / "project/.flow/recipe.flow.yaml", "project")
    assert await now() == "project"
    put(cwd / ".flow/recipe.flow.yaml", "folder")
    assert await now() == "folder"


async def test_nothing_above_the_project_is_a_template_of_it(tmp_path):
    put(tmp_path / ".flow/planted.flow.yaml", "planted")
    inside = tmp_path / "project" / "sub"
    inside.mkdir(parents=True)
    with pytest.raises(NotFound):  # no .git anywhere: only the folder itself
        await found(tmp_path, inside, template="planted")
    (tmp_path / "project" / ".git").mkdir()
    with pytest.raises(NotFound) as caught:
        await found(tmp_path, inside, template="planted")
    assert "template list" in caught.value.cure


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".hidden", "-x", "a\n", "x" * 101])
async def test_a_template_is_named_and_not_found_by_path(tmp_path, name):
    with pytest.raises(InvalidInput, match="cannot be a template's name"):
        await found(tmp_path, tmp_path, template=name)


async def test_a_broken_file_tells_its_problems(tmp_path):
    (tmp_path / "w.flow.yaml").write_text("flow: 1\nname: w\nsteps: nonsense\n")
    with pytest.raises(InvalidWorkflow) as caught:
        await found(tmp_path, tmp_path, path="w.flow.yaml")
    assert caught.value.data["problems"][0]["line"] == 3


async def test_what_is_no_file_is_refused_and_nobody_waits(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "big").touch()
    os.truncate(tmp_path / "big", 17 * 1024 * 1024)
    with trio.fail_after(2):
        for name, kind, message in (
            ("gone", NotFound, "there is no file"),
            ("pipe", InvalidInput, "is not a file"),
            (".", InvalidInput, "is not a file|cannot be read"),
            ("/dev/zero", InvalidInput, "is not a file"),
            ("latin", InvalidInput, "is not UTF-8"),
            ("big", InvalidInput, "at most 16777216 are read"),
            ("zero\0byte", InvalidInput, "cannot be read"),
            ("~nobody-of-that-name/x", InvalidInput, "send an absolute path|nobody-of-that-name"),
        ):
            with pytest.raises(kind, match=message):
                await found(tmp_path, tmp_path, path=name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_without_permission_is_refused(tmp_path):
    put(tmp_path / "w", "w").chmod(0)
    with pytest.raises(InvalidInput, match="cannot be read"):
        await read_workflow_file(tmp_path / "w")
