"""Composition root: puts the organs together and runs them in one trio nursery."""


def main() -> None:
    """Entry point of `flowd`."""
    raise SystemExit("being built")
