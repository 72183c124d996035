from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.cli import main
from darkhorse.config.tasks import FileSource
from darkhorse.evals.contamination import index_of, warn_of_contamination
from darkhorse.tasks.decontaminate import GRAM, SuiteIndex, row_texts, words
from darkhorse.tasks.sources import load_rows
from darkhorse.tasks.task import Task
from evals_support import write_data

VOCABULARY = [f"w{number}" for number in range(3000)]


def _items(rng: random.Random, count: int, length: int) -> list[Task]:
    """Items of random words between an instruction that all share."""
    ask = "Solve this problem now. {} Put the answer in a box."
    texts = [ask.format(" ".join(rng.choices(VOCABULARY, k=length))) for _ in range(count)]
    return [_task(n, text) for n, text in enumerate(texts)]


def _task(number: int, text: str) -> Task:
    return Task(f"s/{number}", ({"role": "user", "content": text},), "exact", "")


def _core(task: Task) -> str:
    text = task.prompt[0]["content"]
    return text.removeprefix("Solve this problem now. ").removesuffix(" Put the answer in a box.")


def test_every_planted_item_is_found_and_nothing_else() -> None:
    rng = random.Random(1)
    items = _items(rng, 60, 40)
    index = SuiteIndex()
    index.add("s", items)
    rows: list[object] = [{"prompt": " ".join(rng.choices(VOCABULARY, k=80))} for _ in range(300)]
    planted = {
        0: {"prompt": _core(items[3])},
        50: {"messages": [{"role": "user", "content": f"Hello! {_core(items[7]).upper()}, please."}]},
        120: {"prompt": "x", "completion": f"As in {' '.join(_core(items[11]).split()[10:30])} above"},
        299: {"a": {"b": [{"c": f"{' '.join(rng.choices(VOCABULARY, k=30))} {_core(items[20])}"}]}},
    }
    for place, row in planted.items():
        rows[place] = row
    found = {hit.row: hit for number, row in enumerate(rows) for hit in index.find(number, row_texts(row))}
    assert {row: hit.item for row, hit in found.items()} == {0: "s/3", 50: "s/7", 120: "s/11", 299: "s/20"}
    assert found[0].rule == "prompt" and found[0].share == 1.0
    assert found[120].rule == f"{GRAM}-gram" and 0 < found[120].share < 0.5


def test_twelve_words_in_a_row_are_no_hit_and_thirteen_are() -> None:
    rng = random.Random(2)
    (item, *others) = _items(rng, 5, 60)
    index = SuiteIndex()
    index.add("s", [item, *others])
    piece = _core(item).split()[20:33]
    assert not index.find(0, [f"a {' '.join(piece[:12])} b"])
    assert [hit.item for hit in index.find(0, [f"a {' '.join(piece)} b"])] == ["s/0"]


def test_a_short_item_is_one_piece() -> None:
    index = SuiteIndex()
    index.add("s", [_task(0, "How many primes lie between ten and ninety nine?")])
    text = "Q: how many primes lie between ten and ninety-nine? A: 21"
    assert [hit.rule for hit in index.find(0, [text])] == ["9-gram"]


def test_what_an_instruction_or_a_template_says_is_no_item() -> None:
    template = "In a small village the baker sells loaves of bread to every family that lives near the old mill"
    tasks = [_task(n, f"{n} {template} {n * 7} what") for n in range(40)]
    index = SuiteIndex()
    index.add("s", tasks)
    assert not index.find(0, [template])


@given(st.text())
def test_words_survive_any_text(text: str) -> None:
    assert all(word.isalnum() for word in words(text))


def test_training_on_items_warns_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "data")
    index_of.__globals__["_whole_index"].cache_clear()
    monkeypatch.setenv("DARKHORSE_DATA", str(data))
    file = tmp_path / "train.jsonl"
    clean = {"prompt": "Tell me of the sea and of all the ships that ever sailed over it in the dark.", "truth": "1"}
    stolen = {"prompt": "Name 4 birds. Use no commas.", "truth": "1"}
    file.write_text("".join(json.dumps(row) + "\n" for row in (clean, stolen, clean)))
    hits = warn_of_contamination("reason", [FileSource.model_validate({"type": "file", "path": str(file)})], data)
    assert [(hit.row, hit.suite) for hit in hits] == [(1, "ifeval")]
    said = capsys.readouterr().err
    assert "WARNING: stage 'reason' trains on evaluation items" in said and "1 of ifeval" in said
    kept = tmp_path / "kept.jsonl"
    assert main(["data", "decontaminate", str(file), "--suites", "ifeval", "--output", str(kept)]) == 1
    assert "1 of 3 rows hold 1 items of ifeval" in capsys.readouterr().out
    assert [json.loads(line) for line in kept.read_text().splitlines()] == [clean, clean]
    assert main(["data", "decontaminate", str(kept), "--suites", "ifeval"]) == 0


@pytest.mark.data
def test_known_overlaps_of_the_real_data_are_found(data_dir: Path) -> None:
    index, _ = index_of(["math500"], data_dir)
    (file,) = (data_dir / "aime_1983_2023").glob("*.json*")
    rows = list(load_rows(file))
    found = {hit.row for number, row in enumerate(rows) for hit in index.find(number, row_texts(row))}
    assert len(found) >= 6, "six problems of AIME stand in MATH-500"


def test_nothing_to_compare_with_is_not_taken_for_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DARKHORSE_DATA", raising=False)
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps({"prompt": "Name 4 birds.", "truth": "1"}) + "\n")
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        assert main(["data", "decontaminate", str(file), "--data", str(tmp_path / folder)]) == 2
        assert "no data of any suite to compare with" in capsys.readouterr().err
    assert main(["data", "decontaminate", str(file), "--data", str(write_data(tmp_path / "data"))]) == 0
    said = capsys.readouterr().out
    assert "aime24, ifeval, bfcl" in said and "Not compared, for want of their data: aime25, livecodebench" in said
