"""Settings: `config.toml`, read once at start and again on SIGHUP.

A file that cannot be read is an error with its line and the cure, never silently ignored.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from flowd.domain.retention import KEEP_ALL, Retention
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
    """`[providers.NAME]`. A key comes from the environment variable `api_key_env` names."""

    kind: str = ""
    model: str = ""
    base_url: str = ""
    api_key_env: str = ""
    enabled: bool = True
    max_tokens: Annotated[int, Meta(ge=16)] = 1500


class SuggestConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[suggest]`. `providers` is the order of preference; empty means every one that can work.

    `semantic_model` is the folder of a sentence model; empty means that of the installed extra
    `semantic`, "off" none. `context_bytes` bounds what a model is told about the folder.
    """

    providers: list[str] = field(default_factory=list)
    limit: Annotated[int, Meta(ge=1, le=50)] = 5
    deadline_seconds: Annotated[float, Meta(gt=0, le=600)] = 5.0
    semantic_model: str = ""
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
