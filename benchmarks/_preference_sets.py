"""Real pairs of answers of which people (or a stronger model) preferred one, from the folder `DARKHORSE_DATA`."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkhorse.tasks.task import PreferencePair, is_held_out
from darkhorse.types import Message

HELD_OUT_ONE_IN = 4
SETS = ("hh_rlhf", "pandalm", "tulu", "dpo")


def read_pairs(data: Path) -> list[PreferencePair]:
    """All pairs of the four sets; pairs of equal answers and ties are left out."""
    pairs = [*_hh_rlhf(data), *_pandalm(data), *_tulu(data), *_dpo(data)]
    return [pair for pair in pairs if pair.chosen.strip() and pair.rejected.strip() and pair.chosen != pair.rejected]


class RealPairs:
    """Pairs to train on and others to measure on; the hash of a prompt decides, so no prompt is on both sides.

    Args:
        pairs: all of them.
        seed: of the order in which they are trained on.
        sets: those that are trained on.

    Attributes:
        held: what is measured on, of all sets.
        rest: what is not, of all sets.
        trained: of these, what is trained on.
    """

    def __init__(self, pairs: list[PreferencePair], seed: int, sets: Sequence[str]) -> None:
        self.held = [pair for pair in pairs if is_held_out(pair.prompt, HELD_OUT_ONE_IN)]
        self.rest = [pair for pair in pairs if not is_held_out(pair.prompt, HELD_OUT_ONE_IN)]
        self.trained = [pair for pair in self.rest if pair.source in sets]
        random.Random(seed).shuffle(self.trained)

    def train(self, index: int) -> PreferencePair:
        """See `PairSource`."""
        return self.trained[index % len(self.trained)]

    def held_out(self, count: int) -> list[PreferencePair]:
        """See `PairSource`."""
        return self.held[:count]


def _hh_rlhf(data: Path) -> list[PreferencePair]:
    pairs = []
    with gzip.open(data / "hh_rlhf" / "harmless-base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            first, second = _dialogue(row["chosen"]), _dialogue(row["rejected"])
            if len(first) > 1 and first[:-1] == second[:-1] and first[-1]["role"] == second[-1]["role"] == "assistant":
                pairs.append(_pair(first[:-1], first[-1]["content"], second[-1]["content"], "hh_rlhf"))
    return pairs


def _dialogue(text: str) -> list[Message]:
    messages: list[Message] = []
    for turn in text.split("\n\nHuman: ")[1:]:
        asked, *answers = turn.split("\n\nAssistant:")
        messages.append({"role": "user", "content": asked.strip()})
        messages += [{"role": "assistant", "content": answer.strip()} for answer in answers[:1]]
    return messages


def _pandalm(data: Path) -> list[PreferencePair]:
    """Where at least two of three annotators prefer the same answer."""
    pairs = []
    for row in json.loads((data / "pandalm" / "testset-v1.json").read_text()):
        votes = [row["annotator1"], row["annotator2"], row["annotator3"]]
        answers = [row["response1"], row["response2"]]
        prompt = f"{row['instruction']}\n\n{row['input']}".strip()
        for best in (1, 2):
            if votes.count(best) >= 2 and all(isinstance(answer, str) for answer in answers):
                pairs.append(_pair(_asked(prompt), answers[best - 1], answers[2 - best], "pandalm"))
    return pairs


def _tulu(data: Path) -> list[PreferencePair]:
    lines = (data / "tulu_pref_100" / "preference_sample.jsonl").read_text().splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [_pair(r["chosen"][:-1], r["chosen"][-1]["content"], r["rejected"][-1]["content"], "tulu") for r in rows]


def _dpo(data: Path) -> list[PreferencePair]:
    roles = {"human": "user", "gpt": "assistant", "system": "system"}
    pairs = []
    for row in json.loads((data / "dpo_kto_demo" / "dpo_en_demo.json").read_text()):
        messages = [{"role": roles[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]
        pairs.append(_pair(messages, row["chosen"]["value"], row["rejected"]["value"], "dpo"))
    return pairs


def _asked(prompt: str) -> list[Message]:
    return [{"role": "user", "content": prompt}]


def _pair(prompt: list[Message], chosen: str, rejected: str, source: str) -> PreferencePair:
    return PreferencePair(tuple({"role": m["role"], "content": m["content"]} for m in prompt), chosen, rejected, source)
