"""Many requests in one call: a line in, a line of JSON out, in the same order.

A line is an object, or the text alone: a list of commands is a file as it is.
"""

from __future__ import annotations

import json
import sys
from collections import deque

from flowctl.errors import error_object, failure_of
from flowctl.exits import Failure, UsageError
from flowproto.client import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console

    Json = dict[str, Any]


def run_batch(
    daemon: Daemon,
    console: Console,
    method: str,
    file: str,
    *,
    key: str,
    params_of: Callable[[Json], Json],
    ahead: int,
    timeout: float = 30.0,
) -> None:
    """Ask `method` once for every line of the file (`-`: standard input) and print the answers.

    A line that is no object is what an object has under `key`. `params_of` makes the params of an
    object, and raises Failure for one that makes no sense. What cannot be answered becomes a line
    `{"error": …}`; the others are not disturbed.
    Up to `ahead` requests are under way at a time.
    """
    refused: deque[Json | None] = deque()  # in the order of the lines; None: was sent

    def sent() -> Iterator[Json]:
        for number, line in enumerate(_lines(file), 1):
            if not line.strip():
                continue
            try:
                params = params_of(_object(line, number, key))
            except Failure as failure:
                refused.append(error_object(failure))
                continue
            refused.append(None)
            yield params

    def print_refused() -> None:
        while refused and refused[0] is not None:
            _print(refused.popleft())

    with daemon.connect(timeout=timeout) as connection:
        for answer in connection.requests(method, sent(), ahead=ahead):
            print_refused()
            refused.popleft()
            failed = isinstance(answer, ClientError)
            _print(error_object(failure_of(answer)) if failed else answer)
        print_refused()
        daemon.mention_skew(connection)


def _lines(file: str) -> Iterator[str]:
    if file == "-":
        yield from sys.stdin
        return
    try:
        with open(file, encoding="utf-8") as lines:  # noqa: PTH123  # pathlib is slow to import
            yield from lines
    except OSError as error:
        raise Failure(
            f"{file}: {error.strerror}", code="not_found", cure="check the name"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8: {error}", cure="save it as UTF-8") from error


def _object(line: str, number: int, key: str) -> Json:
    if not line.startswith('{"'):  # `{ date; }` is a command
        return {key: line.strip()}
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(
            f"line {number} is not JSON: {error}", cure="write one object a line"
        ) from None
    assert isinstance(value, dict)  # by its first character
    return value


def text_of(value: Json, key: str) -> str:
    """Give the text under a key of a line's object; UsageError when it is not there."""
    text = value.get(key)
    if not isinstance(text, str):
        raise UsageError(f'no text under "{key}"', cure=f'write {{"{key}": "..."}}')
    return text


def _print(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
