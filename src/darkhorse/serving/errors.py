"""Errors in OpenAI's shape."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Response

_AGAIN = {"Retry-After": "1"}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: _AGAIN, 503: _AGAIN}


class ApiError(Exception):
    """An error for the client.

    Args:
        status: of HTTP.
        message: what is wrong and what to do.
        code: for programs.
        param: the field it is about.
    """

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param

    def body(self) -> dict[str, Any]:
        """`{"error": ...}`."""
        kinds = {401: "authentication_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The answer; 429 and 503 say when to try again, 401 how to show a key."""
        return json_response(self.body(), self.status, _HEADERS.get(self.status))


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON in ASCII, which holds whatever a model or a client wrote, halves of surrogate pairs too."""
    return Response(json.dumps(content), status, headers, "application/json")


def unsupported(param: str, message: str) -> ApiError:
    """A feature that this server does not have."""
    return ApiError(400, message, "unsupported_parameter", param)
