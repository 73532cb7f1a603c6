"""Can the steps work here? Programs, their options, variables, folders and room, before step 1.

Looks at the machine and runs nothing of the workflow. Only what is certain is an error: a program
that an earlier step may bring, or that the script asks for first, is none.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from flowd.domain.events import ScriptKind
from flowd.domain.foresight import Obstacle, ObstacleKind, Use
from flowd.domain.ports import Judgement, StepJudgement
from flowd.domain.workflow import Step, Workflow
from flowd.exec.flags import Manuals
from flowd.exec.plain import is_shells_own
from flowd.exec.preflight_work import files_in_the_way, repository_in_the_way

Severity = Literal["error", "warning"]
Span = tuple[int, int]

LEAST_FREE_BYTES = 100_000_000
LOOKED_UP_SECONDS = 1.0  # so long a look at PATH is believed: many runs come at once

_BRING_TEXT = """
    apt apt-get aptitude dnf yum zypper pacman apk brew port snap flatpak nix-env nix pip pip3 pipx
    uv poetry npm pnpm yarn bun cargo go gem conda mamba make cmake ninja meson rustup nvm pyenv
    asdf mise sdk ansible-playbook bash sh zsh install ln
"""
_BRING = frozenset(_BRING_TEXT.split())
"""Programs after which a name may be there that was not."""
_SET_BY_THE_SHELL_TEXT = """
    _ BASH BASHPID BASH_COMMAND BASH_REMATCH BASH_SOURCE BASH_VERSION BASH_VERSINFO COLUMNS
    DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HOSTNAME HOSTTYPE IFS LINENO LINES
    MACHTYPE MAPFILE OLDPWD OPTARG OPTERR OPTIND OSTYPE PATH PIPESTATUS PPID PS1 PS2 PS4 PWD
    RANDOM REPLY SECONDS SHELL SHELLOPTS SHLVL SRANDOM TERM UID HOME USER LOGNAME LANG TMPDIR
    EDITOR PAGER
"""
_SET_BY_THE_SHELL = frozenset(_SET_BY_THE_SHELL_TEXT.split())
_PACKAGES = {
    "jq": "jq", "rg": "ripgrep", "fd": "fd-find", "bat": "bat", "gh": "gh", "tree": "tree",
    "http": "httpie", "convert": "imagemagick", "sqlite3": "sqlite3", "psql": "postgresql-client",
    "mysql": "default-mysql-client", "redis-cli": "redis-tools", "pandoc": "pandoc", "make": "make",
    "gcc": "gcc", "docker": "docker.io", "node": "nodejs", "npm": "npm", "zip": "zip",
    "unzip": "unzip", "rsync": "rsync", "dig": "dnsutils", "netstat": "net-tools", "ip": "iproute2",
    "ping": "iputils-ping", "shellcheck": "shellcheck", "ffmpeg": "ffmpeg", "7z": "p7zip-full",
}  # fmt: skip
"""The Debian package of some programs whose names do not tell."""


class MachinePreflight:
    """See the port `Preflight`."""

    def __init__(
        self,
        manuals: Manuals,
        *,
        asks: bool = False,
        secrets_in: Callable[[str], Sequence[Span]] = lambda _: (),
    ):
        """With `asks`, well-known programs are asked for their options: it takes its time.

        `secrets_in` finds what looks like a secret in a text.
        """
        self._manuals = manuals
        self._asks = asks
        self._secrets_in = secrets_in

    async def __call__(
        self,
        workflow: Workflow,
        judged: Sequence[StepJudgement],
        cwd: str,
        environment: Mapping[str, str],
        *,
        warnings: bool = True,
    ) -> list[Obstacle]:
        """Give everything in the way; see the port."""
        path = environment.get("PATH") or os.defpath
        found = list(_room(workflow.steps[0].id, cwd)) if warnings else []
        earlier: list[Use] = []
        brought = False
        for step, item in zip(workflow.steps, judged, strict=True):
            folder = step_folder(cwd, step)
            found += _folder(step, folder, first=step is workflow.steps[0])
            for kind, judgement in item.scripts.items():
                look = _Look(step, kind, judgement, path, folder)
                found += look.programs(brought)
                if warnings:
                    found += look.variables(_known_to(workflow, step, environment))
                    found += look.secrets(self._secrets_in)
                    found += await self._options(look)
            judgement = item.scripts["run"]
            if warnings and not earlier:  # whatever a step before has done, it may have made files
                found += files_in_the_way(step, judgement, folder)
            if warnings:
                found += await repository_in_the_way(step, judgement, folder, earlier)
            brought = brought or _may_bring(judgement)
            earlier += judgement.uses
        return found

    async def _options(self, look: "_Look") -> list[Obstacle]:
        """Options that the manual of an installed program does not know."""
        found = []
        for use in look.judgement.uses:
            program = program_on_path(use.program, look.path)
            if program is None:
                continue
            for option, close in await self._manuals.unknown(
                program, use.arguments, asks=self._asks
            ):
                message = f"{use.program} has no option {option}, as far as it tells"
                cure = f"perhaps {close} is meant" if close else f"see {use.program} --help"
                found.append(look.obstacle("flag", "warning", message, cure, use.span))
        return found


class _Look:
    """One script of one step."""

    def __init__(
        self, step: Step, kind: ScriptKind, judgement: Judgement, path: str, folder: str
    ) -> None:
        self._step = step
        self._kind = kind
        self.judgement = judgement
        self.path = path
        self._folder = folder

    def obstacle(
        self, kind: ObstacleKind, severity: Severity, message: str, cure: str, span: Span
    ) -> Obstacle:
        """Make an obstacle of this script."""
        return Obstacle(self._step.id, self._kind, kind, severity, message, cure, span)

    def programs(self, brought: bool) -> Iterator[Obstacle]:
        """Programs that are not there; `brought`: an earlier step may bring some."""
        seen: set[str] = set()
        for use in self.judgement.uses:
            missing = use.program not in seen and self._is_missing(use)
            seen.add(use.program)
            if missing and use.certain:
                surely = not brought and self._kind == "run"
                yield self._missing(use, surely=surely)
            brought = brought or _brings(use)

    def _is_missing(self, use: Use) -> bool:
        if "/" not in use.program:
            return not is_shells_own(use.program) and not program_on_path(use.program, self.path)
        if use.program.startswith("/"):
            return not os.path.exists(use.program)  # noqa: PTH110
        return False  # relative: the script may have gone to another folder

    def _missing(self, use: Use, *, surely: bool) -> Obstacle:
        where = "is not there" if "/" in use.program else "is not on the run's PATH"
        message = f"the program {use.program} {where}"
        if self._kind == "undo":
            message += ": undoing this step would fail"
        elif not surely:
            message += ", unless an earlier step brings it"
        severity: Severity = "error" if surely else "warning"
        return self.obstacle("program", severity, message, _cure(use.program, self.path), use.span)

    def variables(self, known: frozenset[str]) -> Iterator[Obstacle]:
        """Variables that are read and set nowhere."""
        for name, span in self.judgement.reads.items():
            if name in known | _SET_BY_THE_SHELL or name.startswith(("FLOW_", "LC_", "XDG_")):
                continue
            message = f"${name} is set nowhere"
            cure = (
                "a step starts without the variables of the step before: set it in env, inputs or"
                " outputs; names that look secret are not handed over, but for `secrets:`"
            )
            yield self.obstacle("variable", "warning", message, cure, span)

    def secrets(self, secrets_in: Callable[[str], Sequence[Span]]) -> Iterator[Obstacle]:
        """Values that stand in the text, which is recorded with the run as it is."""
        cure = "name it under [secrets] in config.toml, and in the step's `secrets:`"
        undo = self._step.undo_plan
        texts = {"run": self._step.run, "undo": undo.run if undo else "", "check": self._step.check}
        for span in secrets_in(texts[self._kind] or ""):
            message = "what looks like a secret stands in the script, and is recorded with the run"
            yield self.obstacle("secret", "warning", message, cure, span)
        if self._kind == "run":
            for name in (name for name, value in self._step.env.items() if secrets_in(value)):
                message = f"what looks like a secret stands in `env` ({name}), and is recorded"
                yield self.obstacle("secret", "warning", message, cure, (0, 0))


def step_folder(cwd: str, step: Step) -> str:
    """The folder a step runs in."""
    if step.cwd is None:  # as most do
        return cwd
    return os.path.normpath(os.path.join(cwd, os.path.expanduser(step.cwd or "")))  # noqa: PTH111, PTH118


def _folder(step: Step, folder: str, *, first: bool) -> Iterator[Obstacle]:
    if step.cwd is None or os.path.isdir(folder):  # noqa: PTH112
        return
    severity: Severity = "error" if first else "warning"
    message = f"the folder {folder} is not there" + ("" if first else ", unless a step makes it")
    yield Obstacle(step.id, "run", "folder", severity, message, "make it, or correct cwd")


def _room(step: str, cwd: str) -> Iterator[Obstacle]:
    try:
        free = shutil.disk_usage(cwd).free
    except OSError:
        return
    if free < LEAST_FREE_BYTES:
        message = f"only {free / 1e6:.0f} MB are free on the disk of {cwd}"
        yield Obstacle(step, "run", "disk", "warning", message, "make room")


def _known_to(workflow: Workflow, step: Step, environment: Mapping[str, str]) -> frozenset[str]:
    """The variables that a script of the step is given."""
    outputs = (
        f"steps_{other.id.replace('-', '_')}_{name}"
        for other in workflow.steps
        for name in other.outputs
    )
    given = (*environment, *workflow.env, *step.env, *workflow.inputs, *step.secrets, *outputs)
    return frozenset((*given, *((step.as_,) if step.as_ else ())))


def _may_bring(judgement: Judgement) -> bool:
    return any(map(_brings, judgement.uses))


def _brings(use: Use) -> bool:
    """Whether a program may be there afterwards that was not: it installs, builds or fetches."""
    return "/" in use.program or use.program.rpartition("/")[2] in _BRING


# ------------------------------------------------------------------------------------------- PATH


def program_on_path(name: str, path: str) -> str | None:
    """Find a program; what was found, or not, is believed for a moment."""
    return _found(name, path, int(time.monotonic() / LOOKED_UP_SECONDS))


@lru_cache(maxsize=1024)
def _found(name: str, path: str, _moment: int) -> str | None:
    return shutil.which(name, path=path)


def _cure(program: str, path: str) -> str:
    if "/" in program:
        return "check the path"
    import difflib  # here: it is wanted when something is missing

    close = difflib.get_close_matches(program, _names_on(path, int(time.monotonic() / 60)), 1, 0.8)
    meant = f"perhaps {close[0]} is meant; " if close else ""
    package = _PACKAGES.get(program)
    install = f"apt install {package}" if package else f"install {program}"
    return f"{meant}{install}, or correct the name"


@lru_cache(maxsize=4)
def _names_on(path: str, _minute: int) -> tuple[str, ...]:
    names: set[str] = set()
    for folder in path.split(os.pathsep):
        try:
            names.update(os.listdir(folder))  # noqa: PTH208
        except OSError:
            continue
    return tuple(names)
