"""A `flowd` that trusts the disk to keep what was never synced: what tests of power cuts must see.

python -m support.careless_daemon
"""

from flowd.main import main
from flowd.store import connection


def careless() -> tuple[str, ...]:
    """The settings of the database's writer, with its syncs left out."""
    careful = connection.WRITER_PRAGMAS
    careless = tuple(p.replace("synchronous=FULL", "synchronous=OFF") for p in careful)
    assert careless != careful
    return careless


if __name__ == "__main__":
    connection.WRITER_PRAGMAS = careless()  # type: ignore[assignment]
    main()
