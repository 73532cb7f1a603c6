"""A project's own tasks as answers: asked to run the tests where make test is, say make test."""

import re
from collections.abc import Iterator, Sequence

from flowd.suggest.match import Entry, Index
from flowd.suggest.providers.base import Draft
from flowd.suggest.tasks import ProjectTask
from flowd.suggest.text import concepts
from flowd.suggest.words import RELATED

_BOOST = 1.15  # the project's own way goes before the general one
_LEAST = 0.55
_CLOSE = 0.6

_ASKED_FOR_AS: dict[str, tuple[str, ...]] = {
    "test": ("run the tests", "test the project", "run all tests", "check that tests pass"),
    "tests": ("run the tests", "run all tests"),
    "unit": ("run the unit tests",),
    "e2e": ("run the end to end tests",),
    "integration": ("run the integration tests",),
    "lint": ("lint the code", "check the code style", "run the linter"),
    "clippy": ("lint the code", "run the linter"),
    "vet": ("lint the code",),
    "format": ("format the code", "fix formatting"),
    "fmt": ("format the code", "fix formatting"),
    "build": ("build the project", "compile the project", "make a build"),
    "compile": ("compile the project", "build the project"),
    "dist": ("build the package", "build a release"),
    "run": ("run the program", "run the project", "start the app"),
    "start": ("start the app", "run the project", "start the server"),
    "dev": ("start the development server", "run in development mode", "start the app"),
    "serve": ("start the server", "serve the project", "start the development server"),
    "watch": ("rebuild when files change",),
    "typecheck": ("check the types", "run the type checker"),
    "types": ("check the types", "run the type checker"),
    "check": ("check the project", "run all checks"),
    "ci": ("run all checks", "run what ci runs"),
    "docs": ("build the documentation", "make the docs"),
    "doc": ("build the documentation", "make the docs"),
    "clean": ("clean the project", "delete build files", "remove build artifacts"),
    "install": ("install the dependencies", "set up the project"),
    "setup": ("set up the project", "install the dependencies"),
    "bootstrap": ("set up the project",),
    "coverage": ("measure test coverage", "run the tests with coverage"),
    "cov": ("measure test coverage", "run the tests with coverage"),
    "bench": ("run the benchmarks",),
    "migrate": ("apply database migrations", "migrate the database"),
    "deploy": ("deploy the project",),
    "release": ("release the project", "make a release"),
    "publish": ("publish the package",),
    "up": ("start the services", "start the containers"),
    "down": ("stop the services", "stop the containers"),
    "logs": ("show the logs of the services",),
    "help": ("list the targets", "what can be done here"),
}
"""How people ask for the tasks that most projects have."""


def answers(
    task: str, tasks: Sequence[ProjectTask], cwd: str, limit: int, weights: Index
) -> Iterator[Draft]:
    """Give the project's tasks that are what is asked for, best first.

    `weights` knows how much each word of the task tells: a few tasks alone would make every word
    they do not have count for little, and "check if a file exists" would be `make check`.
    """
    if not tasks:
        return
    index = Index(Entry(str(number), _phrases(known)) for number, known in enumerate(tasks))
    for match in index.find(task, limit):
        known = tasks[int(match.key)]
        said = frozenset(concepts(" ".join(_phrases(known))))
        score = match.score * weights.share(task, _with_relatives(said))
        if score >= _LEAST:
            yield Draft(
                title=f"{known.command}",
                workflow=_workflow(known, cwd),
                explanation=_explain(known),
                confidence=min(1.0, score * _BOOST),
                matched=True,
                asked_as=match.phrase,
            )


def _with_relatives(said: frozenset[str]) -> frozenset[str]:
    """Add the meanings of a task in words that may well stand for one of these."""
    return said | {
        asked
        for asked, others in RELATED.items()
        if any(share >= _CLOSE and other in said for other, share in others.items())
    }


def _phrases(task: ProjectTask) -> list[str]:
    words = re.split(r"[-_:./\s]+", task.name.lower())
    phrases = [" ".join(words), f"run {' '.join(words)}", task.command]
    if len(words) == 1:
        phrases += _ASKED_FOR_AS.get(words[0], ())
    else:
        phrases += [
            f"{phrase} {' '.join(other for other in words if other != word)}"
            for word in words
            for phrase in _ASKED_FOR_AS.get(word, ())[:2]
        ]
    if 0 < len(task.description) < 100:
        phrases.append(task.description)
    return phrases


def _workflow(task: ProjectTask, cwd: str) -> dict[str, object]:
    name = re.sub(r"[^\w-]+", "-", task.name).strip("-") or "task"
    workflow: dict[str, object] = {
        "flow": 1,
        "name": name,
        "description": f"{task.command}, as {task.source} says",
        "steps": [{"id": "run", "run": task.command}],
    }
    return workflow if task.cwd == cwd else {**workflow, "cwd": task.cwd}


def _explain(task: ProjectTask) -> str:
    told = f": {task.description}" if task.description else ""
    return f"from {task.source}{told}"
