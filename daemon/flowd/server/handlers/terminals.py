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
    keys, size = _keys(params), _size(params)
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


def _size(params: TypeParams) -> WindowSize | None:
    if params.columns is None and params.rows is None:
        return None
    columns, rows = params.columns or 0, params.rows or 0
    if not (1 <= columns <= _LARGEST and 1 <= rows <= _LARGEST):
        raise InvalidInput(
            f"a window of {params.columns} columns and {params.rows} rows cannot be",
            cure=f"send both, from 1 to {_LARGEST}",
        )
    return columns, rows
