"""Reading recipes: composition, settings from the command line, and round trips."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.config.loading import dump_recipe, load_recipe
from darkhorse.config.overrides import Override, parse_overrides
from darkhorse.config.stages import RLStage, SFTStage
from darkhorse.errors import UserError

BASE = """
name = "base"

[stage.warm]
type = "sft"
steps = 3

[stage.reason]
type = "rl"
learning_rate = 2e-6
tasks = [
    { type = "synthetic", suite = "mathematics", max_level = 1 },
    { type = "synthetic", suite = "programming" },
]

[evaluation.sampling]
temperature = 0.7
top_k = 40
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.toml"
    path.write_text(BASE)
    return path


def reason(path: Path, *overrides: str) -> RLStage:
    stage = load_recipe(path, overrides).stage["reason"]
    assert isinstance(stage, RLStage)
    return stage


def test_a_recipe_keeps_its_values_and_the_order_of_its_stages(base: Path) -> None:
    recipe = load_recipe(base)
    assert list(recipe.stage) == ["warm", "reason"]
    assert isinstance(recipe.stage["warm"], SFTStage)
    assert recipe.stage["reason"].learning_rate == 2e-6
    assert recipe.evaluation.sampling.top_k == 40


@pytest.mark.parametrize("words", [("--stage.reason.learning-rate", "1e-6"), ("--stage.reason.learning_rate=1e-6",)])
def test_a_setting_is_given_in_kebab_or_snake_case_with_space_or_equals(base: Path, words: tuple[str, ...]) -> None:
    assert reason(base, *words).learning_rate == 1e-6


def test_settings_reach_into_lists_and_into_tables_the_file_does_not_have(base: Path) -> None:
    stage = reason(base, "--stage.reason.tasks.0.max-level", "3", "--stage.reason.sampling.max-completion-length", "7")
    assert [getattr(task, "max_level", None) for task in stage.tasks] == [3, 2]
    assert stage.sampling.max_completion_length == 7


def test_values_are_arrays_tables_booleans_and_text(base: Path) -> None:
    stage = reason(
        base,
        *("--stage.reason.betas", "[0.8, 0.9]"),
        *("--stage.reason.dynamic-sampling", "false"),
        *("--stage.reason.sampling", "{ temperature = 0.5 }"),
        *("--stage.reason.loss-type", "gspo"),
        *("--stage.reason.tasks", '[{ type = "synthetic", suite = "tools" }]'),
    )
    assert stage.betas == (0.8, 0.9)
    assert stage.dynamic_sampling is False
    assert stage.sampling.temperature == 0.5
    assert stage.loss_type == "gspo"
    assert [getattr(task, "suite", None) for task in stage.tasks] == ["tools"]


def test_text_that_reads_as_a_number_or_date_stays_text_where_text_is_wanted(base: Path) -> None:
    recipe = load_recipe(base, ["--name", "7", "--model.revision", "2024-01-01", "--output=true"])
    assert (recipe.name, recipe.model.revision, recipe.output) == ("7", "2024-01-01", "true")


def test_the_last_of_two_settings_wins(base: Path) -> None:
    assert load_recipe(base, ["--seed", "1", "--seed", "2"]).seed == 2


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_value_and_never_an_error(text: str) -> None:
    value = Override(("name",), text).value
    assert isinstance(value, (bool, int, float, str, list, dict))


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_numbers_and_booleans_keep_their_value(whole: int, real: float, flag: bool) -> None:
    assert Override(("x",), str(whole)).value == whole
    assert Override(("x",), repr(real)).value == real
    assert Override(("x",), str(flag).lower()).value is flag


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--seed"], "--seed has no value"),
        (["--seed", "--name"], "--seed has no value"),
        (["stray"], "Unexpected argument 'stray'"),
        (["--"], "Unexpected argument '--'"),
    ],
)
def test_words_that_are_no_settings_are_errors(words: list[str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        parse_overrides(words)


def test_a_list_entry_that_does_not_exist_is_an_error(base: Path) -> None:
    with pytest.raises(UserError, match=r"stage.reason.tasks has no entry '2'. It has 2, numbered from 0"):
        load_recipe(base, ["--stage.reason.tasks.2.weight", "1"])


def test_a_setting_inside_a_plain_value_is_an_error(base: Path) -> None:
    with pytest.raises(UserError, match=r"name is 'base', which has no settings inside"):
        load_recipe(base, ["--name.first", "1"])


def test_an_overlay_merges_tables_and_replaces_lists(base: Path, tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    overlay = tmp_path / "deeper" / "overlay.toml"
    overlay.write_text(
        'base = "../base.toml"\nname = "overlay"\n[stage.reason]\ntasks = [{type = "synthetic", suite = "tools"}]\n'
        "[evaluation.sampling]\ntop_k = 5\n[stage.last]\ntype = 'rl'\n"
    )
    recipe = load_recipe(overlay)
    assert recipe.name == "overlay"
    assert list(recipe.stage) == ["warm", "reason", "last"]
    assert recipe.stage["reason"].learning_rate == 2e-6
    assert len(reason(overlay).tasks) == 1
    assert (recipe.evaluation.sampling.temperature, recipe.evaluation.sampling.top_k) == (0.7, 5)


def test_a_recipe_that_is_its_own_base_is_an_error(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.toml").write_text(f'base = "{base}.toml"')
    with pytest.raises(UserError, match="is its own base"):
        load_recipe(tmp_path / "a.toml")


def test_a_missing_base_names_the_missing_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('base = "nowhere.toml"')
    with pytest.raises(UserError, match=r"no recipe at .*nowhere\.toml"):
        load_recipe(tmp_path / "a.toml")


def test_a_dumped_recipe_reads_back_equal(base: Path, tmp_path: Path) -> None:
    recipe = load_recipe(base, ["--stage.reason.replay-from", "warm"])
    (tmp_path / "dumped.toml").write_text(dump_recipe(recipe))
    assert load_recipe(tmp_path / "dumped.toml") == recipe


def test_all_recipes_of_the_project_resolve_and_read_back_equal(recipes_dir: Path, tmp_path: Path) -> None:
    paths = sorted(recipes_dir.glob("*.toml"))
    assert {"quickstart", "smollm2-135m", "qwen2.5-0.5b", "qwq-32b"} <= {path.stem for path in paths}
    for path in paths:
        recipe = load_recipe(path)
        assert recipe.name == path.stem
        (tmp_path / path.name).write_text(dump_recipe(recipe))
        assert load_recipe(tmp_path / path.name) == recipe


def test_the_full_scale_recipe_carries_the_published_protocol(recipes_dir: Path) -> None:
    benchmarks = {suite.benchmark: suite for suite in load_recipe(recipes_dir / "qwq-32b.toml").evaluation.benchmarks}
    samples = {name: suite.samples for name, suite in benchmarks.items()}
    assert samples == {"aime24": 64, "livecodebench": 8, "livebench": 1, "ifeval": 1, "bfcl": 1}
    for suite in benchmarks.values():
        sampling = suite.sampling
        settings = (sampling.temperature, sampling.top_p, sampling.top_k, sampling.max_completion_length)
        assert settings == (0.6, 0.95, 40, 32768)
