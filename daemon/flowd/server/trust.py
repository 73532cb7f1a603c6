"""Which folders' files may run: a checkout of somebody else's repository runs nothing by itself.

What is asked about are files that git checked out from a repository with a remote, and files of
other users. Whatever else is in a folder the user put there. Trust is for a folder with all below
it, and lasts when files change: whoever trusts a repository trusts who writes to it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from flowd.clocks import wall_clock_ms
from flowd.domain.consents import Consents, TrustedFolder
from flowd.errors import InvalidInput, NotFound, Untrusted
from flowd.projects import belongs_to_another, checkout_of, comes_from_elsewhere, is_checked_out


class Trust:
    """The trusted folders, known without asking the store."""

    def __init__(self, now_ms: Callable[[], int] = wall_clock_ms, consents: Consents | None = None):
        self._consents = consents
        self._now_ms = now_ms
        self._folders: dict[Path, TrustedFolder] = {}

    @asynccontextmanager
    async def remembered_by(self, consents: Consents) -> AsyncIterator[None]:
        """Take over what the store remembers, and let it remember for the length of the block."""
        for folder in await consents.trusted_folders():
            self._folders[Path(folder.path)] = folder
        self._consents = consents
        yield

    @property
    def folders(self) -> list[TrustedFolder]:
        """The trusted folders, by name."""
        return sorted(self._folders.values(), key=lambda folder: folder.path)

    def trusts(self, folder: Path) -> bool:
        """Whether what stands in a folder counts: it is trusted, or nobody else's."""
        top = checkout_of(_real(folder))
        return top is None or self._is_trusted(top) or not comes_from_elsewhere(top)

    async def refuse_untrusted(self, path: Path) -> None:
        """Raise Untrusted for a file that git checked out into a folder nobody trusts."""
        await trio.to_thread.run_sync(self._refuse, path)

    def _refuse(self, path: Path) -> None:
        real = _real(path)
        top = checkout_of(real.parent)
        place = top or real.parent
        if self._is_trusted(place):
            return
        if top is not None and comes_from_elsewhere(top) and is_checked_out(top, real):
            why = "comes from a repository"
        elif belongs_to_another(real):
            why = "belongs to another user and is in a folder"
        else:
            return
        raise Untrusted(
            f"{path} {why} that you have not said you trust: {place}",
            cure=f"read it, then: flowctl trust {place}",
            data={"folder": str(place), "path": str(path)},
        )

    def _is_trusted(self, folder: Path) -> bool:
        return any(each in self._folders for each in (folder, *folder.parents))

    async def add(self, folder: Path) -> str:
        """Trust a folder from now on, and give its real path. InvalidInput when it is none."""
        real = await trio.to_thread.run_sync(_real, folder)
        if not await trio.to_thread.run_sync(real.is_dir):
            raise InvalidInput(f"{folder} is not a folder", cure="give a folder that is there")
        if str(real).encode("utf-8", "replace").decode() != str(real):
            raise InvalidInput(f"{real!r} is not UTF-8", cure="trust the folder above it")
        at = self._now_ms()
        assert self._consents is not None
        await self._consents.trust(str(real), at)
        self._folders.setdefault(real, TrustedFolder(str(real), at))
        return str(real)

    async def remove(self, folder: Path) -> str:
        """Trust a folder no more. NotFound when it was not trusted itself."""
        real = await trio.to_thread.run_sync(_real, folder)
        assert self._consents is not None
        known = await self._consents.distrust(str(real))
        self._folders.pop(real, None)
        if not known:
            raise NotFound(
                f"{real} is not among the trusted folders",
                cure="flowctl trust --list shows them",
            )
        return str(real)


def _real(path: Path) -> Path:
    """The path without links, so that no link makes a file look like another folder's."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path
