"""One connection: bytes in, one answer to every request out.

    reader ── frames ──> messages ──┬─ requests: a task each, cancelled by $/cancelRequest
                                    ├─ notifications: one after another, in order
                                    └─ answers to requests of ours: to whoever asked

The reader stops while too many requests are in flight, so a client is slowed by its own requests
and by nothing else.
"""

import logging
import math
import select
from collections.abc import Callable
from typing import Literal

import msgspec
import trio
from msgspec import Raw, Struct

from flowd.server.dispatch import Reply, decode_params
from flowd.server.errors import ProtocolError, encode_error, error_object
from flowd.server.handlers.lifecycle import initialize_result, is_editor, name_of
from flowd.server.peer import Peer
from flowd.server.routes import ROUTES
from flowd.server.services import LspFeatures, Services
from flowproto import codes
from flowproto.daemon import InitializeParams
from flowproto.framing import FrameDecoder, FrameTooLarge, FramingError
from flowproto.jsonrpc import (
    BadMessage,
    Notification,
    Request,
    RequestId,
    Response,
    decode,
    encode,
)

READ_AT_ONCE = 65_536  # bytes

log = logging.getLogger("flowd.server")

_initialize_decoder = msgspec.json.Decoder(InitializeParams)


class _CancelParams(Struct):
    id: RequestId


_cancel_decoder = msgspec.json.Decoder(_CancelParams)


async def serve_session(services: Services, stream: trio.abc.Stream) -> None:
    """Serve one client until it leaves, misbehaves, or this is cancelled. Closes the stream.

    A client that only stops sending still gets the answers to what it asked; requests of one that
    is gone are cancelled.
    """
    services.peers += 1
    try:
        async with trio.open_nursery() as lasting:
            lasting.start_soon(_close_at_end, stream)
            peer = Peer(stream, lasting, services.limits, log=services.log, engine=services.engine)
            async with trio.open_nursery() as requests:
                exited = await _Session(services, stream, peer, requests).read()
                if exited or _hung_up(stream):
                    requests.cancel_scope.cancel()
            services.keyboards.take_back(peer)
            lasting.cancel_scope.cancel()
    finally:
        services.peers -= 1


async def _close_at_end(stream: trio.abc.Stream) -> None:
    """Close the stream as soon as the session is over, which also frees whoever still writes."""
    try:
        await trio.sleep_forever()
    finally:
        await trio.aclose_forcefully(stream)


def _hung_up(stream: trio.abc.Stream) -> bool:
    """Whether the other end is closed altogether, and not only for sending."""
    if not isinstance(stream, trio.SocketStream):
        return False
    poll = select.poll()
    poll.register(stream.socket.fileno(), 0)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


class _Session:
    def __init__(
        self, services: Services, stream: trio.abc.Stream, peer: Peer, requests: trio.Nursery
    ) -> None:
        self._services = services
        self._limits = services.limits
        self._stream = stream
        self._peer = peer
        self._requests = requests
        self._phase: Literal["new", "open", "shut", "over"] = "new"
        self._features: LspFeatures | None = None
        self._slots = trio.Semaphore(self._limits.requests_in_flight)
        self._scopes: dict[RequestId, trio.CancelScope] = {}

    # ---------------------------------------------------------------------------------- reading

    async def read(self) -> bool:
        """Take messages until the client leaves or sends what cannot be understood.

        True when it said `exit`.
        """
        decoder = FrameDecoder(max_body=self._limits.message_bytes)
        while True:
            data = await self._receive(decoder.in_frame)
            if not data:
                return False
            try:
                for body in decoder.feed(data):
                    await self._take(body)
                    if self._phase == "over":
                        return True
            except FramingError as error:
                large = isinstance(error, FrameTooLarge)
                code = codes.MESSAGE_TOO_LARGE if large else codes.PARSE_ERROR
                await self._refuse(None, ProtocolError(code, str(error), cure="connect anew"))
                return False

    async def _receive(self, in_frame: bool) -> bytes:
        """Give the next bytes; none when the client left, or let half a message lie."""
        patience = self._limits.half_frame_seconds if in_frame else math.inf
        with trio.move_on_after(patience):
            try:
                return bytes(await self._stream.receive_some(READ_AT_ONCE))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return b""
        problem = f"half a message came, and nothing more for {patience:g} s"
        await self._refuse(None, ProtocolError(codes.PARSE_ERROR, problem, cure="connect anew"))
        return b""

    async def _take(self, body: bytes) -> None:
        try:
            message = decode(body)
        except BadMessage as bad:
            cure = "see PROTOCOL.md for the shape of messages"
            await self._refuse(bad.id, ProtocolError(bad.code, bad.message, cure=cure))
            return
        if isinstance(message, Request):
            await self._take_request(message)
        elif isinstance(message, Notification):
            await self._take_notification(message)
        else:
            self._peer.settle(message)

    async def _refuse(self, request_id: RequestId | None, error: ProtocolError) -> None:
        await self._peer.send_encoded(encode_error(request_id, error))

    # ------------------------------------------------------------------------------ life cycle

    async def _take_request(self, request: Request) -> None:
        problem = self._objection(request)
        if problem is not None:
            await self._refuse(request.id, problem)
        elif request.method == "initialize":
            await self._peer.send_encoded(await self._initialize(request))
        elif request.method == "shutdown":
            self._phase = "shut"
            await self._peer.send_encoded(encode(Response(id=request.id)))
        else:
            await self._slots.acquire()
            scope = self._scopes[request.id] = trio.CancelScope()
            self._requests.start_soon(self._answer, request, scope)

    def _objection(self, request: Request) -> ProtocolError | None:
        """Say what speaks against taking the request now."""
        initialize = request.method == "initialize"
        if self._phase == "new" and not initialize:
            return ProtocolError(
                codes.SERVER_NOT_INITIALIZED,
                f"{request.method} came before initialize",
                cure="send initialize first; it may go out together with what follows",
            )
        if self._phase == "open" and initialize:
            return ProtocolError(
                codes.INVALID_REQUEST, "initialize came twice", cure="send it once a connection"
            )
        if self._phase in ("shut", "over"):
            return ProtocolError(
                codes.INVALID_REQUEST, "this session was shut down", cure="connect anew"
            )
        if request.id in self._scopes:
            return ProtocolError(
                codes.INVALID_REQUEST,
                f"a request with the id {request.id!r} is being answered",
                cure="give every request an id of its own",
            )
        return None

    async def _initialize(self, request: Request) -> bytes:
        try:
            params = decode_params(_initialize_decoder, request.params)
            self._peer.name = name_of(params)
            self._peer.process = params.process_id
            open_lsp = self._services.open_lsp
            if open_lsp is not None and is_editor(params):
                self._features = await open_lsp(self._services, self._peer, request.params)
            editor = self._features.capabilities() if self._features is not None else {}
            answer = encode(
                Response(id=request.id, result=initialize_result(self._services, editor))
            )
        except Exception as error:  # noqa: BLE001  # told to the client, logged when a bug
            return encode_error(request.id, error)
        self._phase = "open"
        return answer

    async def _take_notification(self, notification: Notification) -> None:
        if notification.method == "exit":
            self._phase = "over"
        elif notification.method == "$/cancelRequest":
            self._cancel(notification.params)
        elif self._features is not None and not notification.method.startswith("flow/"):
            try:
                await self._features.notify(notification.method, notification.params)
            except Exception as error:  # noqa: BLE001  # a notification has no answer; logged when a bug
                log.debug("%s: %s", notification.method, error_object(error).message)

    # -------------------------------------------------------------------------------- requests

    async def _answer(self, request: Request, scope: trio.CancelScope) -> None:
        """Send the one answer to a request."""
        answer, then = b"", None
        with scope:
            answer, then = await self._outcome(request)
        if scope.cancelled_caught:
            cancelled = ProtocolError(
                codes.REQUEST_CANCELLED, f"{request.method} was cancelled", cure="ask again"
            )
            answer = encode_error(request.id, cancelled)
        del self._scopes[request.id]
        await self._peer.send_encoded(answer)
        if then is not None:
            then()
        self._slots.release()

    async def _outcome(self, request: Request) -> tuple[bytes, Callable[[], object] | None]:
        try:
            reply = await self._dispatch(request.method, request.params)
            return encode(Response(id=request.id, result=reply.result)), reply.then
        except Exception as error:  # noqa: BLE001  # told to the client, logged when a bug
            return encode_error(request.id, error), None

    async def _dispatch(self, method: str, params: Raw | None) -> Reply[object]:
        known = ROUTES.get(method)
        if known is not None:
            return await known.answer(params, self._services, self._peer)
        if self._features is not None and not method.startswith("flow/"):
            return Reply(await self._features.request(method, params))
        raise ProtocolError(
            codes.METHOD_NOT_FOUND,
            f"there is no method {method!r}",
            cure="capabilities.experimental.flow.methods of initialize lists them",
        )

    def _cancel(self, params: Raw | None) -> None:
        """Cancel a request; one that is unknown, or answered already, is nobody's fault."""
        try:
            wanted = decode_params(_cancel_decoder, params).id
        except ProtocolError as error:
            log.debug("$/cancelRequest: %s", error.message)
            return
        if wanted in self._scopes:
            self._scopes[wanted].cancel()
