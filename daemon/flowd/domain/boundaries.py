"""What a run may reach, as users say it: judged before it, held by the kernel during it."""

from msgspec import Struct


class Boundaries(Struct, frozen=True):
    """Boundaries of one policy file; where several files have some, all of them hold.

    `writable` and `readable` are absolute globs (`**` is any number of folders), None for no
    boundary; what may be written may be read. `network` and `privilege` say whether it is allowed
    to reach other machines, and to become another user.
    """

    writable: tuple[str, ...] | None = None
    readable: tuple[str, ...] | None = None
    network: bool = True
    privilege: bool = True


NO_BOUNDARIES = Boundaries()
