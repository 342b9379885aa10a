"""Errors as they look on the wire. The one place where an exception becomes an `error` object."""

from __future__ import annotations

from typing import Any

from realtime.errors import ClientError, ForethoughtError


def error_type(error: ForethoughtError) -> str:
    """What a client sent is `invalid_request_error`; everything else went wrong on this side."""
    return "invalid_request_error" if isinstance(error, ClientError) else "server_error"


def error_body(error: ForethoughtError, client_event_id: str | None) -> dict[str, Any]:
    """The `error` field of an `error` event. `event_id` in it is the client's event that caused it."""
    return {
        "type": error_type(error),
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "event_id": client_event_id,
    }


def http_error_body(error: ForethoughtError) -> dict[str, Any]:
    """The JSON body of a non-2xx answer: `{"error": {...}}`, as the browser SDK expects to show it."""
    body = error_body(error, None)
    del body["event_id"]
    return {"error": body}
