"""What the HTTP servers of Darkhorse share: where they may listen, and who may ask."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Callable

from fastapi import HTTPException, Request

from darkhorse.errors import UserError


def require_secret(host: str, secret: str | None, server: str, kind: str, variable: str) -> None:
    """Refuse to be reached from other machines by everyone.

    Args:
        host: address to listen on.
        secret: what clients must send; None lets everyone in.
        server: the server and what it would do, as a sentence begins.
        kind: what the secret is called.
        variable: environment variable that sets it.

    Raises:
        UserError: if the address is public and there is no secret.
    """
    if secret is None and not _is_loopback(host):
        raise UserError(
            f"{server} on {host}, where others can reach it, without a {kind}.",
            f"Set the environment variable {variable}, or listen on 127.0.0.1.",
        )


def listen(host: str, port: int, server: str) -> socket.socket:
    """A socket that listens; port 0 takes any free one.

    Raises:
        UserError: if it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise UserError(
            f"{server} cannot listen on {host}:{port}: {error.strerror}.",
            "Choose another one with --port, or 0 for any free port.",
        ) from error


def address_of(host: str, listener: socket.socket) -> str:
    """The URL at which a listening socket is reached."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def token_check(token: str | None) -> Callable[[Request], None]:
    """A dependency of an application that answers 401 to requests without the token; None lets everyone in."""

    def check_token(request: Request) -> None:
        sent = request.headers.get("authorization", "")
        if token is not None and not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "send the server's token as 'Authorization: Bearer ...'")

    return check_token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
