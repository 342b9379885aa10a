"""The HTTP and WebSocket endpoints of a call. They admit, limit and translate; what a conversation is, the host knows.

Paths and shapes follow OpenAI Realtime (GA); every reply that is not 2xx carries a JSON `error` object.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from realtime.errors import ClientError, ForethoughtError, LimitError
from realtime.transport import auth, websocket
from realtime.transport.link import Link
from realtime.transport.sdp import MAX_SDP_BYTES
from realtime.transport.webrtc import WebRtcLink, WebRtcOptions, answer

log = structlog.get_logger(__name__)

MAX_SESSION_BYTES = 256 << 10  # instructions and tools, generously
RETRY_AFTER_S = 5
_ALLOWED_HEADERS = (
    "authorization, content-type, x-openai-agents-sdk, openai-beta, openai-organization, openai-project, "
    "openai-safety-identifier"
)


class SessionHost(Protocol):
    """Runs conversations. The transport opens links for it."""

    def admit(self) -> None:
        """Raise LimitError where there is no room for one more session."""
        ...

    async def run(self, link: Link, *, session: dict[str, Any] | None, model: str | None, extensions: bool) -> None:
        """A whole conversation, from `session.created` until the link is gone."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` in the host's TaskGroup: a WebRTC call outlives the request that began it."""
        ...


class SecretMinter(auth.SecretVerifier, Protocol):
    """Makes and knows client secrets."""

    def mint(self, body: dict[str, Any] | None) -> Mapping[str, Any]:
        """The reply to a client_secrets request `{expires_after?, session?}`: {value, expires_at, session}.

        Raises ClientError for a wrong body.
        """
        ...


@dataclass(frozen=True, slots=True)
class TransportConfig:
    access: auth.AccessPolicy = field(default_factory=auth.AccessPolicy)
    webrtc: WebRtcOptions = field(default_factory=WebRtcOptions)
    websocket: websocket.WebSocketLimits = field(default_factory=websocket.WebSocketLimits)


class CallRoutes:
    """The endpoints over one host; `routes()` gives them to starlette. `calls` holds the live WebRTC links by id."""

    def __init__(self, host: SessionHost, minter: SecretMinter, config: TransportConfig | None = None) -> None:
        self.config = config or TransportConfig()
        self.calls: dict[str, WebRtcLink] = {}
        self._host = host
        self._minter = minter

    def routes(self) -> list[BaseRoute]:
        both = ["POST", "OPTIONS"]
        return [
            Route("/v1/realtime/calls", self.open_call, methods=both),
            Route("/v1/realtime/calls/{call_id}/hangup", self.hang_up, methods=both),
            Route("/v1/realtime/calls/{call_id}", self.hang_up, methods=["DELETE", "OPTIONS"]),
            Route("/v1/realtime/client_secrets", self.client_secret, methods=both),
            WebSocketRoute("/v1/realtime", self.socket),
        ]

    # Endpoints

    async def open_call(self, request: Request) -> Response:
        return await self._guarded(request, self._open_call)

    async def hang_up(self, request: Request) -> Response:
        return await self._guarded(request, self._hang_up)

    async def client_secret(self, request: Request) -> Response:
        return await self._guarded(request, self._client_secret)

    async def socket(self, socket: WebSocket) -> None:
        verdict = auth.check(self.config.access, caller_of(socket), self._minter)
        if isinstance(verdict, auth.Refused):
            await socket.send_denial_response(_refusal(verdict))
            return
        try:
            self._host.admit()
        except LimitError as limit:
            await socket.send_denial_response(error_response(limit))
            return
        model, extensions = _query(socket)

        async def run(link: websocket.WebSocketLink) -> None:
            await self._host.run(link, session=_bound_session(verdict), model=model, extensions=extensions)

        subprotocol = auth.select_subprotocol(socket.scope.get("subprotocols", ()))
        await websocket.serve(socket, run, subprotocol=subprotocol, limits=self.config.websocket)

    # Behind the guard

    async def _open_call(self, request: Request, admitted: auth.Admitted) -> Response:
        self._host.admit()
        sdp, session = await read_offer(request)
        client = request.client
        peer = f"{client.host}:{client.port}" if client else "webrtc"
        answer_sdp, link = await answer(sdp, options=self.config.webrtc, peer=peer)
        try:
            self._host.admit()  # others may have come in while this call was being answered
        except LimitError as limit:
            await link.close(websocket.TRY_AGAIN_LATER, limit.code)
            raise
        call_id = f"rtc_{secrets.token_urlsafe(18)}"
        self.calls[call_id] = link
        merged = {**(_bound_session(admitted) or {}), **(session or {})} or None
        model, extensions = _query(request)
        self._host.spawn(self._run_call(call_id, link, merged, model, extensions), f"call/{call_id}")
        headers = {"Location": f"/v1/realtime/calls/{call_id}"}
        return Response(answer_sdp, status_code=201, media_type="application/sdp", headers=headers)

    async def _run_call(
        self, call_id: str, link: WebRtcLink, session: dict[str, Any] | None, model: str | None, extensions: bool
    ) -> None:
        try:
            await self._host.run(link, session=session, model=model, extensions=extensions)
        finally:
            self.calls.pop(call_id, None)
            await link.close(websocket.NORMAL_CLOSURE, "finished")

    async def _hang_up(self, request: Request, _admitted: auth.Admitted) -> Response:
        link = self.calls.get(request.path_params["call_id"])
        if link is None:
            return _error(404, "call_not_found", "there is no such call; it may have ended")
        await link.close(websocket.NORMAL_CLOSURE, "hung up")
        return Response(status_code=200)

    async def _client_secret(self, request: Request, admitted: auth.Admitted) -> Response:
        if not admitted.by_key:
            return _error(403, "client_secret_not_allowed", "a client secret cannot make another; use the API key")
        raw = await read_body(request, MAX_SESSION_BYTES)
        body = parse_object(raw, "body") if raw.strip() else None
        return JSONResponse(dict(self._minter.mint(body)))

    async def _guarded(self, request: Request, endpoint: Any) -> Response:
        """Checks, the endpoint, and one translation of our errors; CORS headers on whatever comes out."""
        caller = caller_of(request)
        refused = auth.check_place(self.config.access, caller)
        if refused is not None:
            return _refusal(refused)
        response: Response
        if request.method == "OPTIONS":
            response = Response(status_code=204)
        else:
            verdict = auth.check_key(self.config.access, caller, self._minter)
            try:
                response = _refusal(verdict) if isinstance(verdict, auth.Refused) else await endpoint(request, verdict)
            except ForethoughtError as error:
                log.info("request_refused", path=request.url.path, code=error.code)
                response = error_response(error)
        if caller.origin is not None:
            _allow_origin(response, caller.origin, request)
        return response


# Reading requests


def caller_of(connection: HTTPConnection) -> auth.Caller:
    headers = connection.headers
    return auth.Caller(
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        authorization=headers.get("authorization"),
        subprotocols=tuple(connection.scope.get("subprotocols", ())),
        peer=connection.client.host if connection.client else "",
    )


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body; LimitError as soon as it is longer than `limit_bytes`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise LimitError(f"the request body is longer than {limit_bytes} bytes", code="body_too_large")
    return bytes(body)


async def read_offer(request: Request) -> tuple[str, dict[str, Any] | None]:
    """The SDP and the session of a call request: a raw `application/sdp` body or multipart parts `sdp`, `session`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/sdp":
        return _text(await read_body(request, MAX_SDP_BYTES), "sdp"), None
    if kind != "multipart/form-data":
        raise ClientError(
            "send the offer as application/sdp or as multipart/form-data with the parts sdp and session",
            param="content-type",
            code="unsupported_media_type",
        )
    body = await read_body(request, MAX_SDP_BYTES + MAX_SESSION_BYTES)
    try:
        async with _replay(request, body).form(max_files=2, max_fields=4, max_part_size=MAX_SESSION_BYTES) as form:
            parts = {name: await _part(value) for name, value in form.items() if name in ("sdp", "session")}
    except HTTPException as fault:
        raise ClientError(f"the form cannot be read: {fault.detail}", code="invalid_form") from fault
    if "sdp" not in parts:
        raise ClientError("the form has no part named sdp", param="sdp", code="missing_sdp")
    session = parse_object(parts["session"], "session") if "session" in parts else None
    return _text(parts["sdp"], "sdp"), session


def parse_object(raw: bytes, param: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise ClientError(f"{param} is not valid JSON", param=param, code="invalid_json") from fault
    if not isinstance(value, dict):
        raise ClientError(f"{param} must be a JSON object", param=param)
    return value


async def _part(value: UploadFile | str) -> bytes:
    return value.encode() if isinstance(value, str) else await value.read()


def _text(raw: bytes, param: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ClientError(f"{param} is not UTF-8 text", param=param, code="invalid_offer") from fault


def _replay(request: Request, body: bytes) -> Request:
    """A request with the same head whose body has already been read, for starlette's form parser."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _query(connection: HTTPConnection) -> tuple[str | None, bool]:
    """(model, whether the client asked for forethought.* events)."""
    return connection.query_params.get("model"), connection.query_params.get("forethought") == "events"


def _bound_session(admitted: auth.Admitted) -> dict[str, Any] | None:
    return dict(admitted.session) if admitted.session else None


# Replying


def error_response(error: ForethoughtError) -> JSONResponse:
    """The one translation of our errors to HTTP."""
    status = 500
    if isinstance(error, LimitError):
        status = 413 if error.code in ("sdp_too_large", "body_too_large") else 503
    elif isinstance(error, ClientError):
        status = 415 if error.code == "unsupported_media_type" else 400
    elif error.retryable:
        status = 503
    response = _error(status, error.code, error.message, error.param)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _refusal(refused: auth.Refused) -> JSONResponse:
    return _error(refused.status, refused.code, refused.message)


def _error(status: int, code: str, message: str, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"type": kind, "code": code, "message": message, "param": param}}, status)


def _allow_origin(response: Response, origin: str, request: Request) -> None:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Vary"] = "Origin"
    response.headers["Access-Control-Expose-Headers"] = "Location"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "POST, DELETE, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
        if request.headers.get("access-control-request-private-network") == "true":
            response.headers["Access-Control-Allow-Private-Network"] = "true"
