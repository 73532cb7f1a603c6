"""How long random tests look: `make fuzz` has them look longer than `make test`."""

import os


def examples(usual: int) -> int:
    """How many examples a random test tries: as many as $FLOW_FUZZ_EXAMPLES says, else `usual`."""
    return int(os.environ.get("FLOW_FUZZ_EXAMPLES", usual))
