from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darkhorse.policy.packing import Segment
from darkhorse.rollout.prefill import pack_prompts

BEGINNINGS = [[7] * 60, [7] * 30 + [8] * 60, [9] * 100]
PROMPTS = st.lists(
    st.builds(
        lambda beginning, cut, rest: [*BEGINNINGS[beginning][:cut], *rest],
        st.integers(0, 2),
        st.integers(0, 100),
        st.lists(st.integers(0, 9), min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=12,
)


def packed_row(segments: list[Segment]) -> list[int]:
    return [
        token
        for segment in segments
        for token in [*segment.prompt, *(t for completion in segment.completions for t in completion)]
    ]


@given(PROMPTS)
def test_every_prompt_is_found_in_the_row_and_ends_in_a_part_of_its_own(prompts: list[list[int]]) -> None:
    segments, places = pack_prompts(prompts)
    row = packed_row(segments)
    for prompt, place in zip(prompts, places, strict=True):
        assert row[place.shared] + row[place.own] == prompt
        assert place.own.stop > place.own.start
    assert len(row) <= sum(map(len, prompts))


def test_a_long_common_beginning_is_packed_once() -> None:
    beginning = list(range(200))
    segments, _ = pack_prompts([[*beginning, 1000 + number, 5] for number in range(10)])
    assert len(segments) == 1
    assert len(packed_row(segments)) == 200 + 10 * 2


def test_short_common_beginnings_are_not_worth_sharing() -> None:
    segments, _ = pack_prompts([[1, 2, 3, number] for number in range(4)])
    assert len(segments) == 4


def test_beginnings_are_shared_where_that_leaves_the_fewest_tokens() -> None:
    head, first, second = list(range(40)), list(range(100, 260)), list(range(300, 460))
    prompts = [[*head, *body, number, number] for body in (first, second) for number in range(5)]
    segments, _ = pack_prompts(prompts)
    assert [len(segment.prompt) for segment in segments] == [200, 200]
    assert len(packed_row(segments)) == 2 * 200 + 10 * 2


def test_equal_prompts_are_packed_once_and_share_their_beginning_with_others() -> None:
    beginning = list(range(100))
    prompts = [[*beginning, number, 5] for number in (1000, 1001, 1000, 1001)]
    segments, places = pack_prompts(prompts)
    assert [len(segment.prompt) for segment in segments] == [100]
    assert len(packed_row(segments)) == 100 + 2 * 2
    assert places[0] == places[2] != places[1] == places[3]
