"""Writing sets of names down."""


def listed(text: str) -> frozenset[str]:
    """Make a set of the words of a text."""
    return frozenset(text.split())
