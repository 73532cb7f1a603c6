"""Settings: `config.toml`, read once at start and again on SIGHUP.

A file that cannot be read is an error with its line and the cure, never silently ignored.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from flowd.domain.retention import KEEP_ALL, Retention
from flowd.domain.usage import Budget, Price
from flowd.errors import InvalidInput
from flowproto.paths import Paths, find_paths

__all__ = [
    "Config",
    "EngineConfig",
    "NotificationsConfig",
    "Paths",
    "ProviderConfig",
    "SecretSource",
    "SuggestConfig",
    "find_paths",
]


PROCESSES_PER_CORE = 32  # most scripts wait, for a network or a person, and do not compute


class EngineConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[engine]`. `saved_…` is about files kept before steps, `artifact_…` about those after them.

    0 bytes a step keeps none.
    """

    max_processes: Annotated[int, Meta(ge=1, le=4096)] = field(
        default_factory=lambda: PROCESSES_PER_CORE * (os.cpu_count() or 1)
    )
    max_processes_per_run: Annotated[int, Meta(ge=1, le=4096)] | None = None
    grace_seconds: Annotated[float, Meta(ge=0, le=600)] = 5.0
    output_bytes_per_attempt: Annotated[int, Meta(ge=1024)] = 4 * 1024 * 1024
    saved_bytes_per_step: Annotated[int, Meta(ge=0)] = 256 * 1024 * 1024
    saved_files_per_step: Annotated[int, Meta(ge=0)] = 10_000
    saved_bytes_total: Annotated[int, Meta(ge=0)] = 4 * 1024 * 1024 * 1024
    artifact_bytes_per_step: Annotated[int, Meta(ge=0)] = 256 * 1024 * 1024
    artifact_files_per_step: Annotated[int, Meta(ge=0)] = 1000
    artifact_bytes_per_run: Annotated[int, Meta(ge=0)] = 1024 * 1024 * 1024
    artifact_files_per_run: Annotated[int, Meta(ge=0)] = 10_000
    saved_days: Annotated[float, Meta(ge=0)] = 14.0


class ProviderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.NAME]`.

    The key comes from the environment variable that `api_key_env` names, from what
    `api_key_command` prints, or from `api_key_keyring` (service/user). `price` is needed only for
    models whose price Flow does not know. `requests_per_minute` 0 does not limit. `style` says
    what is asked for: workflows as JSON, or one plain command, which "auto" asks of servers on
    this machine, whose models are mostly small. Of plain commands so many `candidates` are asked
    for, as time allows; JSON has several answers anyway.
    """

    kind: str = ""
    model: str = ""
    base_url: str = ""
    api_key_env: str = ""
    api_key_command: list[str] = field(default_factory=list)
    api_key_keyring: str = ""
    enabled: bool = True
    max_tokens: Annotated[int, Meta(ge=16)] = 1500
    requests_per_minute: Annotated[float, Meta(ge=0)] = 0.0
    price: Price | None = None
    budget: Budget = field(default_factory=Budget)
    style: Literal["auto", "json", "plain"] = "auto"
    candidates: Annotated[int, Meta(ge=1, le=8)] = 3

    def __post_init__(self) -> None:
        if sum(map(bool, (self.api_key_env, self.api_key_command, self.api_key_keyring))) > 1:
            raise ValueError(
                "a provider has at most one of api_key_env, api_key_command, api_key_keyring"
            )


class SuggestConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[suggest]`. `providers` are asked side by side; empty means every one that can work.

    Those of `fallback` are asked one after the other instead: the next one when the one before
    fails or, with `hedge_seconds` (0 for never), is that late with its first word. Answers are
    used again for `cache_seconds`. `budget` is for all providers together.
    `semantic_model` is the folder of a sentence model; empty means that of the installed extra
    `semantic`, "off" none. `learn` notes what becomes of suggestions and goes by it;
    `shell_history` reads the histories of bash, zsh and fish as answers. `context_bytes` bounds
    what a model is told about the folder.
    """

    providers: list[str] = field(default_factory=list)
    fallback: list[str] = field(default_factory=list)
    hedge_seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    cache_seconds: Annotated[float, Meta(ge=0)] = 3600.0
    limit: Annotated[int, Meta(ge=1, le=50)] = 5
    deadline_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    semantic_model: str = ""
    budget: Budget = field(default_factory=Budget)
    learn: bool = True
    shell_history: bool = False
    context_bytes: Annotated[int, Meta(ge=0, le=100_000)] = 4000


class NotificationsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[notifications]`. `desktop` tells of runs that need a person, where there is a desktop."""

    desktop: bool = True


class SecretSource(Struct, frozen=True, forbid_unknown_fields=True):
    """`[secrets] NAME = {…}`: where a secret is, by exactly one of these.

    A variable of the daemon's own environment; a file whose content it is; the arguments of a
    program that prints it; `service/user` of a keyring; a `.env` file of the run's folder.
    """

    env: str = ""
    file: str = ""
    command: list[str] = field(default_factory=list)
    keyring: str = ""
    dotenv: str = ""

    def __post_init__(self) -> None:
        given = (self.env, self.file, self.command, self.keyring, self.dotenv)
        if sum(map(bool, given)) != 1:
            raise ValueError("a secret has exactly one of env, file, command, keyring, dotenv")


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; every setting has a default."""

    engine: EngineConfig = field(default_factory=EngineConfig)
    suggest: SuggestConfig = field(default_factory=SuggestConfig)
    providers: dict[str, ProviderConfig] = field(default_factory=dict)
    retention: Retention = KEEP_ALL
    notifications: NotificationsConfig = field(default_factory=NotificationsConfig)
    secrets: dict[str, SecretSource] = field(default_factory=dict)


def load_config(path: Path) -> Config:
    """Read a config file; a missing one gives the defaults. InvalidInput names what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", cure="mend or remove it") from error
    try:
        return msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is not TOML: {error}", cure="mend that line") from error
    except RecursionError as error:
        raise InvalidInput(f"{path} is nested too deeply", cure="mend or remove it") from error
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{path}: {error}", cure="mend or remove that setting") from error
