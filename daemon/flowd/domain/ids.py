"""Names that Flow makes up itself."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_run_id() -> str:
    """Make a run id: ten random characters (50 bits).

    Short enough to type, and random from the first character, so that an abbreviation of four or
    five names one run among thousands. Order comes from the log's positions, never from ids.
    """
    return "".join(_ALPHABET[byte & 31] for byte in secrets.token_bytes(10))
