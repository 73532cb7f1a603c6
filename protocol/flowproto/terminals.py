"""Messages about steps on a terminal (`tty: true`)."""

from typing import Literal

from msgspec import Struct


class TypeParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/type`: keys for a step that runs on a terminal, and the size of the typist's window.

    `data` holds the keys as text, or, with `encoding` base64, as bytes; the limit `keys_bytes` of
    `initialize` bounds them. `columns` and `rows` go together and are set before the keys are
    typed; both may come alone, without `data`. One client types at a time: the first, until its
    connection ends or it detaches from the run, or until another one comes with `take`. Send the
    next keys when these are answered: requests under way together have no order.
    """

    run: str
    step: str
    data: str = ""
    encoding: Literal["utf-8", "base64"] = "utf-8"
    columns: int | None = None
    rows: int | None = None
    take: bool = False


class TypeResult(Struct):
    """The terminal has taken all; `attempt` is the attempt of the step that reads it."""

    run: str
    step: str
    attempt: int
