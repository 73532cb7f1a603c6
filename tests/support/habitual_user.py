"""A simulated user of suggestions, with habits: picks what is right, edits what is nearly so.

Each task has what the user wants to run for it, and several ways of asking with values of their
own. `{}` in both stands for the value. The last way of asking is never used to learn from.
"""
# ruff: noqa: E501  # a table: one line for each wish

import re
import shlex
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct

from flowd.domain.parse import workflow_from_object
from flowd.domain.render import to_object
from flowd.domain.suggestions import Suggestion
from flowd.domain.workflow import Workflow


class Asked(Struct, frozen=True):
    """A task in words, and what the user wants to run for it."""

    task: str
    wanted: str


class Wish(Struct, frozen=True):
    """One thing a user does again and again."""

    wanted: str
    ways: Sequence[str]
    values: Sequence[str] = ()

    def asked(self, round_number: int) -> Asked:
        """Give a way of asking, by its number, with its own value."""
        value = self.values[round_number % len(self.values)] if self.values else ""
        way = self.ways[round_number % len(self.ways)]
        return Asked(way.replace("{}", value), self.wanted.replace("{}", value))


def _wish(wanted: str, *ways: str, values: str = "") -> Wish:
    return Wish(wanted, ways, values.split())


_PACKAGES = "requests flask numpy httpx"
_WORDS = "TODO deprecated password timeout"
WISHES = [
    # uv instead of pip
    _wish("uv pip install {}", "install the package {}", "pip install {}", "install python package {}", "get the python package {} installed", values=_PACKAGES),
    _wish("uv pip uninstall {}", "uninstall the package {}", "remove the python package {}", "pip uninstall {}", "get rid of the python package {}", values=_PACKAGES),
    _wish("uv pip list", "list the installed python packages", "show installed pip packages", "which python packages are installed", "pip packages installed here"),
    _wish("uv pip show {}", "show details of the python package {}", "information about the python package {}", "pip show {}", "describe the python package {}", values=_PACKAGES),
    _wish("uv pip list --outdated", "which python packages are outdated", "list outdated pip packages", "show old python packages", "python packages that have newer versions"),
    _wish("uv pip freeze > requirements.txt", "write the installed packages to requirements.txt", "freeze the python packages into requirements.txt", "save installed packages in requirements.txt", "pin the installed python packages in requirements.txt"),
    _wish("uv pip check", "check that python dependencies are compatible", "verify installed python packages", "do the installed python packages fit together", "check python packages for conflicts"),
    # ripgrep instead of grep
    _wish("rg {} src", "search for the text {} in src", "find the word {} in the folder src", "grep for {} in src", "look for the text {} in the files of src", values=_WORDS),
    _wish("rg -l {} src", "which files in src contain the word {}", "list the files in src that contain the text {}", "names of files in src with the text {}", "files in src where the word {} occurs", values=_WORDS),
    _wish("rg -c {} app.log", "count the lines with {} in app.log", "how many lines of app.log contain {}", "number of lines in app.log with the text {}", "count lines of app.log that have the text {}", values=_WORDS),
    _wish("rg -i {} notes.txt", "search notes.txt for {} ignoring case", "case insensitive search for {} in notes.txt", "find {} in notes.txt whatever the case", "look for the text {} in notes.txt case insensitively", values=_WORDS),
    _wish("rg -C 3 {} app.log", "show lines with {} in app.log with context", "search app.log for {} with the lines around it", "find {} in app.log and show surrounding lines", "lines around {} in app.log", values=_WORDS),
    # git without a pager
    _wish("git --no-pager log --oneline -n 10", "show the last 10 commits", "list the 10 latest commits", "the last 10 commits in short", "what are the 10 newest commits"),
    _wish("git --no-pager log --oneline --graph --decorate --all", "show the git history as a graph", "git graph of all branches", "draw the commit graph", "history of all branches as a graph"),
    _wish("git --no-pager diff HEAD", "show what changed since the last commit", "show all uncommitted changes", "diff against the last commit", "what did I change since the last commit"),
    _wish("git --no-pager diff --staged", "show the staged changes", "diff of what is staged", "what is about to be committed", "see what I have staged"),
    _wish("git --no-pager show {}", "show the commit {}", "what is in commit {}", "look at commit {}", "see the changes of commit {}", values="abc1234 9fe12ab 77aa01c 0b1c2d3"),
    _wish("git --no-pager blame {}", "who wrote each line of {}", "blame {}", "who changed the lines of {}", "show the author of every line in {}", values="main.py setup.py app.py util.py"),
    _wish("git --no-pager branch -vv", "show the branches with what they track", "list local branches with their upstream", "which branch tracks which remote branch", "branches and their upstreams"),
    _wish("git --no-pager stash list", "list the stashes", "show what I have stashed", "which stashes are there", "see all stashes"),
    # docker compose, with options of the user's own
    _wish("docker compose up -d --wait", "start the services in the background", "bring up the compose services detached", "docker compose up in the background", "start all compose services and detach"),
    _wish("docker compose down --remove-orphans", "stop and remove the compose services", "docker compose down", "take the compose services down", "shut the compose project down"),
    _wish("docker compose logs -f --tail 100 {}", "follow the logs of the service {}", "tail the logs of the compose service {}", "docker compose logs of service {}", "watch what the compose service {} logs", values="web db worker api"),
    _wish("docker compose build --pull", "rebuild the compose images", "build the images of the compose services", "docker compose build", "build the compose services anew"),
    _wish("docker compose ps --all", "list the compose services", "which compose services are running", "docker compose ps", "state of the compose services"),
    _wish("docker compose restart {}", "restart the compose service {}", "docker compose restart the service {}", "restart service {} of the compose project", "have the compose service {} restarted", values="web db worker api"),
    # the user's own ways
    _wish("./scripts/deploy.sh staging", "deploy to staging", "release to the staging environment", "put this on staging", "ship it to staging"),
    _wish("./scripts/db-reset.sh && ./scripts/seed.sh", "reset the development database", "start with a fresh dev database", "recreate the development database", "make the development database anew"),
    _wish("tox -p auto", "run the tests in all environments", "test with every python version", "run the whole test matrix", "run tests on all python versions"),
    _wish("ruff format . && ruff check --fix .", "tidy up the code", "clean up the code style", "format and lint everything", "make the code style tidy"),
    _wish("pytest -q -x --lf", "rerun the failed tests", "run only the tests that failed last time", "run the last failed tests again", "repeat the tests that failed"),
    _wish("git commit --amend --no-edit", "add the staged changes to the last commit", "amend the last commit without changing its message", "fold staged changes into the last commit", "put what is staged into the previous commit"),
    _wish("git push --force-with-lease", "force push", "push with force but safely", "force push without overwriting others", "push the rewritten history safely"),
    _wish("git switch -c {}", "create a branch called {}", "start a new branch named {}", "make a branch called {} and switch to it", "begin work on a new branch named {}", values="fix-login add-search new-ui faster-ci"),
    _wish("git rebase -i --autosquash origin/main", "clean up my commits", "squash the fixup commits", "interactive rebase on main with autosquash", "tidy up the commits of this branch"),
    _wish("du -xh --max-depth=1 . | sort -h", "show the disk usage of this folder", "what takes up space here", "sizes of the folders here", "how big are the subfolders"),
    _wish("ss -ltnp", "which ports are open", "list listening ports", "show what listens on which port", "what is listening here"),
    _wish("curl -fsSL -O {}", "download {}", "fetch the file {}", "get {} with curl", "save {} to a file", values="https://example.org/a.zip https://example.org/b.tar https://example.org/c.txt https://example.org/d.pdf"),
    _wish("tar -czvf {}.tar.gz {}", "pack the folder {} into a tarball", "compress the folder {}", "make a tar.gz of the folder {}", "archive the directory {} as tar.gz", values="photos docs data music"),
    _wish("journalctl -u {} -f -n 50", "follow the log of the {} service", "tail the journal of the {} service", "watch the logs of the {} unit", "live log of the {} service", values="nginx sshd cron redis"),
    _wish("watch -n 2 nvidia-smi", "watch the gpu", "show gpu usage live", "monitor the graphics card", "keep an eye on the gpu"),
    _wish("python3 -m http.server 9000", "serve this folder over http", "start a web server here", "share this folder with a simple http server", "http server for the current directory"),
]  # fmt: skip
"""What is learned from, and asked again in other words."""

NEVER_DONE = [
    _wish("uv pip install -r requirements.txt", "install the dependencies from requirements.txt"),
    _wish("uv pip list --user", "list python packages installed for the user"),
    _wish("uv pip install --upgrade {}", "upgrade the python package {}", values="django"),
    _wish("uv pip install -e .", "install this project in editable mode"),
    _wish("git --no-pager log -1 HEAD", "show the last commit"),
    _wish("git --no-pager log --stat", "show the history with the changed files"),
    _wish("git --no-pager tag --list", "list the tags"),
    _wish("git --no-pager diff", "show unstaged changes"),
    _wish("git --no-pager reflog", "show the reflog"),
    _wish("git --no-pager log --author {}", "commits by the author {}", values="alice"),
]
"""What the user never did so far: here only the habits can help."""


def says(workflow: Workflow) -> list[str]:
    """Give the words that would run, with the defaults of inputs in their places."""
    values = {
        name: str(declared.default)
        for name, declared in workflow.inputs.items()
        if declared.default is not None
    }
    script = " && ".join(step.run for step in workflow.steps)

    def value(match: "re.Match[str]") -> str:
        return values.get(match[1], match[0])

    return words_of(re.sub(r"\$\{?([a-z_]\w*)\}?", value, script))


def words_of(script: str) -> list[str]:
    """Give the words of a script, quotes aside."""
    try:
        return shlex.split(script)
    except ValueError:
        return script.split()


def place_of(asked: Asked, suggestions: Sequence[Suggestion]) -> int | None:
    """Say at which place (from 0) the suggestion is that runs exactly what is wanted."""
    wanted = words_of(asked.wanted)
    places = (place for place, made in enumerate(suggestions) if says(made.workflow) == wanted)
    return next(places, None)


def edited(asked: Asked, suggestions: Sequence[Suggestion]) -> tuple[Suggestion, Workflow]:
    """Edit the suggestion that is nearest to what is wanted, leaving its variables where it can."""
    wanted = words_of(asked.wanted)

    def nearness(made: Suggestion) -> float:
        return SequenceMatcher(None, says(made.workflow), wanted, autojunk=False).ratio()

    nearest = max(suggestions, key=nearness)
    script = asked.wanted
    used: dict[str, Any] = {}
    shaped = to_object(nearest.workflow)
    for name, declared in nearest.workflow.inputs.items():
        value = str(declared.default)
        pattern = rf"(?<=\s){re.escape(value)}(?=\s|$)"
        if declared.default is not None and re.search(pattern, script):
            script = re.sub(pattern, f'"${name}"', script)
            used[name] = shaped["inputs"][name]  # type: ignore[index]
    workflow = {
        "flow": 1,
        "name": nearest.workflow.name,
        "inputs": used,
        "steps": [{"id": "run", "run": script}],
    }
    return nearest, workflow_from_object(workflow)
