"""Lines of event streams, however they are cut into parts."""

from __future__ import annotations

import asyncio
import json

import httpx
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.serving.stream_lines import stream_lines


class Parts(httpx.AsyncByteStream):
    def __init__(self, parts):
        self._parts = parts

    async def __aiter__(self):
        for part in self._parts:
            yield part


def lines_of(parts):
    async def collect():
        return [line async for line in stream_lines(httpx.Response(200, stream=Parts(parts)))]

    return asyncio.run(collect())


@given(texts=st.lists(st.text()), size=st.integers(1, 9), end=st.sampled_from(["\n", "\r\n"]))
def test_what_json_holds_ends_no_line(texts, size, end):
    lines = [json.dumps(text, ensure_ascii=False) for text in ["\u2028\u2029\x85 é", *texts]]
    whole = "".join(line + end for line in lines).encode()
    assert lines_of([whole[start : start + size] for start in range(0, len(whole), size)]) == lines


def test_a_last_line_needs_no_end():
    assert lines_of([b"a\nb", b"c"]) == ["a", "bc"]
    assert lines_of([]) == []
