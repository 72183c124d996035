"""The composed suite: kinds, wordings, satisfiable combinations and near misses."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import composed, prose
from darkhorse.tasks.synthetic.base import draw
from darkhorse.tasks.synthetic.composed.compatibility import CLASHES


def rules_of(kinds: list[str], rng: random.Random) -> list[c.Rule]:
    return [composed.MAKERS[kind](rng).rule for kind in kinds]


def test_there_are_forty_kinds_and_each_is_named_after_its_rule() -> None:
    assert len(composed.MAKERS) >= 40
    for kind, maker in composed.MAKERS.items():
        assert maker(random.Random(0)).rule.model_dump()["kind"] == kind


@pytest.mark.parametrize("kind", composed.MAKERS)
def test_each_kind_alone_is_obeyed_and_nearly_missed(kind: str) -> None:
    for seed in range(8):
        rng = random.Random(f"{kind}/{seed}")
        rules = rules_of([kind], rng)
        text = composed.construct(rng, prose.choose_topic(rng), rules)
        assert text is not None and rules[0].holds(text)
        missed = composed.near_misses(rng, rules, text)
        assert not rules[0].holds(missed[0])


@pytest.mark.parametrize("kind", composed.MAKERS)
def test_each_kind_has_several_wordings_or_parameters(kind: str) -> None:
    assert len({composed.MAKERS[kind](random.Random(seed)).wording for seed in range(60)}) > 1


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_combinations_do_not_clash_and_near_misses_fail_one_rule(seed: int, count: int) -> None:
    rng = random.Random(seed)
    kinds = composed.choose(rng, count)
    assert len(set(kinds)) == count
    assert not any({one, other} in CLASHES for one in kinds for other in kinds if one != other)
    rules = rules_of(kinds, rng)
    text = composed.construct(rng, prose.choose_topic(rng), rules)
    if text is None:
        return
    assert all(rule.holds(text) for rule in rules)
    for place, missed in composed.near_misses(rng, rules, text).items():
        assert [number for number, rule in enumerate(rules) if not rule.holds(missed)] == [place]


def test_most_combinations_are_written_and_most_rules_nearly_missed() -> None:
    counts: Counter[str] = Counter()
    for seed in range(150):
        rng = random.Random(f"most/{seed}")
        rules = rules_of(composed.choose(rng, 4), rng)
        text = composed.construct(rng, prose.choose_topic(rng), rules)
        counts["written"] += text is not None
        if text is not None:
            counts["rules"] += len(rules)
            counts["missed"] += len(composed.near_misses(rng, rules, text))
    assert counts["written"] >= 120
    assert counts["missed"] >= 0.9 * counts["rules"]


def test_tasks_are_reproducible_and_their_demonstrations_obey() -> None:
    drawn = [draw(composed.GENERATORS, 3, "train", index) for index in range(60)]
    assert drawn == [draw(composed.GENERATORS, 3, "train", index) for index in range(60)]
    assert {item.task.metadata["level"] for item in drawn} == {1, 2, 3, 4, 5}
    for item in drawn:
        answer = str(item.completion[-1]["content"]).split("</think>\n\n", 1)[1]
        rules = [c.constraint(data) for data in item.task.truth["constraints"]]
        assert [rule.describe() for rule in rules if not rule.holds(answer)] == []
        assert len(item.task.metadata["kinds"]) == item.task.metadata["level"]
        assert json.loads(json.dumps(item.task.truth)) == item.task.truth


@pytest.mark.data
def test_no_wording_repeats_the_benchmarks_prompts(data_dir: Path) -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        found = re.findall(r"\w+", text.casefold())
        return {tuple(found[place : place + 6]) for place in range(len(found) - 5)}

    seen: set[tuple[str, ...]] = set()
    for file in ("qwq_eval/ifeval.jsonl", "ifbench/IFBench_test.jsonl"):
        for line in (data_dir / file).read_text().splitlines():
            seen |= runs(json.loads(line)["prompt"])
    for kind, maker in composed.MAKERS.items():
        for seed in range(40):
            assert runs(maker(random.Random(seed)).wording) & seen == set(), kind
