"""A project's task files are read, and its own way of doing things is suggested first."""

import textwrap
from pathlib import Path

import pytest

from flowd.config import Config
from flowd.domain.suggestions import SuggestRequest
from flowd.safety.judge import make_judge
from flowd.suggest.pipeline import make_suggester
from flowd.suggest.tasks import read_tasks

JUDGE = make_judge()


def commands(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Write the files, read the tasks, give commands by task name (the first of a name)."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    names = frozenset(entry.name for entry in folder.iterdir())
    found: dict[str, str] = {}
    for task in read_tasks(folder, names):
        found.setdefault(task.name, task.command)
    return found


def test_makefile(tmp_path: Path):
    text = """\
        VERSION := 1
        .PHONY: test lint
        test: build  ## run the tests
        \tpytest
        # check the style
        lint:
        \truff check
        build main.o: main.c
        \tcc main.c
        %.o: %.c
        \tcc -c $<
        """
    assert commands(tmp_path, {"Makefile": text}) == {
        "test": "make test",
        "lint": "make lint",
        "build": "make build",
    }


def test_a_description_comes_from_beside_or_above_a_target(tmp_path: Path):
    (tmp_path / "Makefile").write_text(
        "test:  ## run all tests\n\n# check the style\nlint:\n\ttrue\n"
    )
    described = {
        task.name: task.description for task in read_tasks(tmp_path, frozenset({"Makefile"}))
    }
    assert described == {"test": "run all tests", "lint": "check the style"}


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        ("", {"test": "npm test", "start": "npm start", "lint:fix": "npm run lint:fix"}),
        ("pnpm-lock.yaml", {"test": "pnpm run test", "start": "pnpm run start"}),
        ("yarn.lock", {"test": "yarn run test"}),
    ],
)
def test_package_json(tmp_path: Path, lock: str, expected: dict[str, str]):
    scripts = '{"scripts": {"test": "jest", "start": "node .", "lint:fix": "x", "pretest": "y"}}'
    found = commands(tmp_path, {"package.json": scripts} | ({lock: ""} if lock else {}))
    assert expected.items() <= found.items()
    assert "pretest" not in found


def test_pyproject(tmp_path: Path):
    text = """\
        [build-system]
        requires = []
        [project]
        name = "x"
        [project.scripts]
        serve = "x:main"
        [tool.pytest.ini_options]
        [tool.ruff]
        [tool.mypy]
        [tool.poe.tasks]
        seed = {cmd = "python seed.py", help = "fill the database"}
        """
    assert commands(tmp_path, {"pyproject.toml": text}) == {
        "seed": "poe seed",
        "test": "pytest",
        "lint": "ruff check .",
        "format": "ruff format .",
        "typecheck": "mypy",
        "build": "python -m build",
        "serve": "serve",
    }


@pytest.mark.parametrize(
    ("beside", "command"),
    [
        ("uv.lock", "uv run pytest"),
        ("poetry.lock", "poetry run pytest"),
        (".venv", ".venv/bin/pytest"),
    ],
)
def test_python_tools_run_in_the_environment_of_the_project(
    tmp_path: Path, beside: str, command: str
):
    found = commands(tmp_path, {"pyproject.toml": "[tool.pytest]\n", beside: ""})
    assert found["test"] == command


def test_justfile(tmp_path: Path):
    text = """\
        set shell := ["bash", "-c"]
        # run the tests
        test *args:
            pytest {{args}}
        deploy target:
            ./deploy {{target}}
        _hidden:
            true
        """
    assert commands(tmp_path, {"justfile": text}) == {"test": "just test"}


def test_tox_and_nox(tmp_path: Path):
    tox = "[tox]\nenvlist = py\n[testenv:docs]\ndescription = the docs\ncommands = x\n"
    nox = 'import nox\n\n@nox.session\ndef lint(session):\n    """Check the style."""\n'
    found = commands(tmp_path, {"tox.ini": tox, "noxfile.py": nox})
    assert found == {"lint": "nox -s lint", "test": "tox", "docs": "tox -e docs"}


def test_cargo_and_go(tmp_path: Path):
    found = commands(tmp_path, {"Cargo.toml": '[package]\nname = "x"\n'})
    assert found["test"] == "cargo test"
    assert found["clippy"] == "cargo clippy"
    other = tmp_path / "go"
    other.mkdir()
    assert commands(other, {"go.mod": "module x\n"})["test"] == "go test ./..."


def test_compose(tmp_path: Path):
    found = commands(tmp_path, {"compose.yaml": "services:\n  web:\n    image: x\n"})
    assert found["up"] == "docker compose up -d"
    assert found["logs-web"] == "docker compose logs web"


def test_taskfile_and_deno_and_composer(tmp_path: Path):
    found = commands(
        tmp_path,
        {
            "Taskfile.yml": "tasks:\n  seed: {desc: fill it, cmds: [x]}\n",
            "deno.json": '{"tasks": {"dev": "deno run x.ts"}}',
            "composer.json": '{"scripts": {"stan": "phpstan"}}',
        },
    )
    assert found == {"seed": "task seed", "dev": "deno task dev", "stan": "composer run stan"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", "{"),
        ("package.json", "[1, 2]"),
        ("package.json", '{"scripts": ["test"]}'),
        ("pyproject.toml", "[tool"),
        ("compose.yaml", "services: [a"),
        ("compose.yaml", "just text"),
        ("noxfile.py", "def ("),
        ("tox.ini", "no section"),
        ("Makefile", "\x00\xff"),
    ],
)
def test_a_file_that_is_not_what_it_says_gives_nothing(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="latin-1")
    assert read_tasks(tmp_path, frozenset({name})) == []


@pytest.mark.parametrize(
    ("files", "task", "command"),
    [
        ({"Makefile": "test:\n\tpytest\nlint:\n\truff\n"}, "run the tests", "make test"),
        ({"Makefile": "test:\n\tpytest\nlint:\n\truff\n"}, "check the code style", "make lint"),
        ({"package.json": '{"scripts": {"test": "jest"}}'}, "run all unit tests", "npm test"),
        ({"package.json": '{"scripts": {"dev": "vite"}}'}, "start the dev server", "npm run dev"),
        ({"pyproject.toml": "[tool.pytest]\n"}, "run the tests", "pytest"),
        ({"Cargo.toml": '[package]\nname = "x"\n'}, "run the tests", "cargo test"),
        ({"go.mod": "module x\n"}, "run the tests", "go test ./..."),
        (
            {"compose.yaml": "services: {db: {image: x}}\n"},
            "start the services",
            "docker compose up -d",
        ),
    ],
)
async def test_the_projects_own_way_is_the_first_suggestion(
    tmp_path: Path, files: dict[str, str], task: str, command: str
):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    request = SuggestRequest(task=task, cwd=str(tmp_path), providers=["offline"])
    answer = await make_suggester(Config(), JUDGE).suggest(request)
    assert answer.suggestions[0].workflow.steps[0].run == command


async def test_a_task_of_a_folder_above_runs_there(tmp_path: Path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "Makefile").write_text("test:\n\tpytest\n")
    inner = tmp_path / "src" / "deep"
    inner.mkdir(parents=True)
    request = SuggestRequest(task="run the tests", cwd=str(inner), providers=["offline"])
    best = (await make_suggester(Config(), JUDGE).suggest(request)).suggestions[0]
    assert best.workflow.steps[0].run == "make test"
    assert best.workflow.cwd == str(tmp_path)
