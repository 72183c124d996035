"""Messages between a program and the process that tests it: length, then JSON, over a socket pair.

Standard library only: both ends run in confined children of the fork server.
"""

from __future__ import annotations

import json
import os
from typing import Any

from darkhorse.sandbox.syscalls import write_all
from darkhorse.sandbox.values import loads

CHANNEL_FD = 4
MAX_MESSAGE_BYTES = 8 << 20
_HEADER_BYTES = 4


class ChannelClosed(Exception):
    """The other end is gone, or sent what no message can be."""


def send(message: dict[str, Any]) -> None:
    """Send one message.

    Raises:
        ChannelClosed: if nobody reads it.
    """
    body = json.dumps(message, allow_nan=False).encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ChannelClosed("a value is too large to be passed on")
    try:
        write_all(CHANNEL_FD, len(body).to_bytes(_HEADER_BYTES, "big") + body)
    except OSError as error:
        raise ChannelClosed(str(error)) from error


def receive() -> dict[str, Any]:
    """Wait for one message.

    Raises:
        ChannelClosed: if none comes or it is malformed.
    """
    size = int.from_bytes(_read(_HEADER_BYTES), "big")
    if size > MAX_MESSAGE_BYTES:
        raise ChannelClosed("a value is too large to be passed on")
    try:
        message = loads(_read(size))
    except ValueError as error:
        raise ChannelClosed(f"a malformed message: {error}") from error
    if not isinstance(message, dict):
        raise ChannelClosed("a malformed message")
    return message


def _read(size: int) -> bytes:
    parts = []
    while size:
        try:
            part = os.read(CHANNEL_FD, min(size, 1 << 20))
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if not part:
            raise ChannelClosed("the other end is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
