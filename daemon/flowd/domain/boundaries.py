"""What a run may reach, as users say it: judged before it, held by the kernel during it."""

from collections.abc import Iterable

from msgspec import Struct

ALWAYS_READABLE = tuple(
    f"/{name}/**"
    for name in "usr bin sbin lib lib32 lib64 etc dev proc sys opt nix".split()  # noqa: SIM905
)
"""What programs themselves need."""

_MOST_NAMED = 4


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


class Drawn(Struct, frozen=True):
    """What several policy files draw together.

    `writable` and `readable` have an entry for each file that draws such a boundary: globs, of
    which each entry must have one for a path. Those of `readable` name what may be written, too.
    """

    writable: tuple[tuple[str, ...], ...] = ()
    readable: tuple[tuple[str, ...], ...] = ()
    network: bool = True
    privilege: bool = True


NOTHING_DRAWN = Drawn()


def drawn_by(policies: Iterable[Boundaries]) -> Drawn:
    """Put together what policy files draw."""
    policies = list(policies)
    return Drawn(
        writable=tuple(each.writable for each in policies if each.writable is not None),
        readable=tuple(
            (*each.readable, *(each.writable or ()))
            for each in policies
            if each.readable is not None
        ),
        network=all(each.network for each in policies),
        privilege=all(each.privilege for each in policies),
    )


def words_of_drawn(drawn: Drawn) -> str:
    """Say for people what is drawn; empty when nothing is."""
    said = []
    if drawn.writable:
        said.append(f"writes only to {_named(drawn.writable)}")
    if drawn.readable:
        said.append(f"reads only {_named(drawn.readable)} and the system's programs")
    if not drawn.network:
        said.append("no network")
    if drawn != NOTHING_DRAWN:
        said.append("no new privileges")
    return ", ".join(said)


def _named(files: tuple[tuple[str, ...], ...]) -> str:
    """Name the places of each file; `/**` goes without saying."""
    return ", and of these only ".join(_listed(globs) for globs in files)


def _listed(globs: tuple[str, ...]) -> str:
    names = list(dict.fromkeys(glob.removesuffix("/**") or "/" for glob in globs))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED]) or 'nothing'}{more}"
