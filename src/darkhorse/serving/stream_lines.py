"""The lines of a streamed answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


async def stream_lines(answer: httpx.Response) -> AsyncIterator[str]:
    """Lines of an event stream as they arrive, without their ends.

    Only what ends a line in such a stream does (WHATWG HTML, section 9.2.5): httpx also takes U+2028, U+0085 and others
    for ends, which JSON holds as they are.
    """
    rest = b""
    async for part in answer.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
