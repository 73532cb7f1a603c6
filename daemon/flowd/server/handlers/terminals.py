"""Let a client type at the terminal of a step. What is typed is handed on and kept nowhere."""

import base64
import binascii

from flowd.domain.ports import MOST_KEYS_BYTES, WindowSize
from flowd.errors import InvalidInput
from flowd.server.contexts import TypeContext
from flowproto.terminals import TypeParams, TypeResult

_LARGEST = 65_535  # columns or rows, as the kernel counts them


async def handle_type(params: TypeParams, context: TypeContext) -> TypeResult:
    """Hand keys and a size on, unless another client types there."""
    keys, size = _keys(params), window_of(params.columns, params.rows)
    run = (await context.log.find(params.run)).id
    if not params.take:
        context.keyboard.refuse_second(run, params.step)
    attempt = context.engine.type_nowait(run, params.step, keys, size)
    context.keyboard.take(run, params.step)
    return TypeResult(run, params.step, attempt)


def _keys(params: TypeParams) -> bytes:
    try:
        if params.encoding == "base64":
            keys = base64.b64decode(params.data, validate=True)
        else:
            keys = params.data.encode()
    except (binascii.Error, ValueError):
        raise InvalidInput("data is not base64", cure="send text, or bytes as base64") from None
    if len(keys) > MOST_KEYS_BYTES:
        raise InvalidInput(
            f"data holds {len(keys)} bytes; {MOST_KEYS_BYTES} can be typed at once",
            cure="send it in pieces, each when the one before is answered",
        )
    return keys


def window_of(given_columns: int | None, given_rows: int | None) -> WindowSize | None:
    """Give the size a client says its window has; None without one. InvalidInput for half of it."""
    if given_columns is None and given_rows is None:
        return None
    columns, rows = given_columns or 0, given_rows or 0
    if not (1 <= columns <= _LARGEST and 1 <= rows <= _LARGEST):
        raise InvalidInput(
            f"a window of {given_columns} columns and {given_rows} rows cannot be",
            cure=f"send both, from 1 to {_LARGEST}",
        )
    return columns, rows
