"""What a wrong recipe says: the full path, the value found, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkhorse.config.loading import load_recipe
from darkhorse.errors import UserError

RECIPE = """
[stage.reason]
type = "rl"
tasks = [{ type = "synthetic", suite = "mathematics" }, { type = "file", path = "rows.jsonl" }]

[[evaluation.benchmarks]]
benchmark = "aime24"
"""


def problem(tmp_path: Path, *overrides: str, text: str = RECIPE) -> UserError:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_recipe(path, overrides)
    return caught.value


@pytest.mark.parametrize(
    ("key", "path", "meant"),
    [
        ("sede", "sede", "seed"),
        ("model.nme", "model.nme", "name"),
        ("stage.reason.learning-rat", "stage.reason.learning_rat", "learning_rate"),
        ("stage.reason.sampling.temprature", "stage.reason.sampling.temprature", "temperature"),
        ("stage.reason.tasks.0.max-levl", "stage.reason.tasks.0.max_levl", "max_level"),
        ("stage.reason.tasks.1.formatt", "stage.reason.tasks.1.formatt", "format"),
        ("evaluation.sampling.topk", "evaluation.sampling.topk", "top_k"),
        ("evaluation.benchmarks.0.sampling.top-pp", "evaluation.benchmarks.0.sampling.top_pp", "top_p"),
    ],
)
def test_an_unknown_key_at_any_depth_names_its_path_and_the_one_meant(
    tmp_path: Path, key: str, path: str, meant: str
) -> None:
    error = problem(tmp_path, f"--{key}", "1")
    assert f" {path} is not a setting." in error.message
    assert error.remedy == f"Did you mean '{meant}'?"


def test_an_unknown_key_like_no_other_lists_the_known_ones(tmp_path: Path) -> None:
    error = problem(tmp_path, "--cluster.zzz", "1")
    assert error.remedy == "Known: accelerators, memory_gb, tflops, type."


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("stage.reason.steps", "0", ["stage.reason.steps = 0", "greater than or equal to 1", "Optimizer steps"]),
        ("stage.reason.steps", "many", ["stage.reason.steps = 'many'", "valid integer"]),
        ("model.dtype", "fp16", ["model.dtype = 'fp16'", "'bfloat16' or 'float32'"]),
        ("stage.reason.type", "ppo", ["stage.reason.type = 'ppo' is unknown", "'sft', 'reward_model', 'rl'"]),
        ("stage.reason.tasks.0.type", "x", ["stage.reason.tasks.0.type = 'x' is unknown", "'hub'"]),
        ("stage.reason.tasks.0.suite", "maths", ["stage.reason.tasks.0.suite = 'maths'", "'mathematics'"]),
        ("stage.reason.betas", "[0.9]", ["stage.reason.betas.1 is missing"]),
        ("stage.reason.sampling", "3", ["stage.reason.sampling = 3"]),
        ("stage.reason.replay_from", "cold", ["stage.reason.replay_from names 'cold'", "earlier: none"]),
        ("stage.raeson.steps", "3", ["stage.raeson.type is missing", "Did you mean 'reason'?"]),
        ("stage.zzz.steps", "3", ["stage.zzz.type is missing", "Allowed: 'sft', 'reward_model', 'rl'."]),
    ],
)
def test_a_wrong_value_names_path_value_and_what_is_allowed(
    tmp_path: Path, key: str, value: str, parts: list[str]
) -> None:
    error = problem(tmp_path, f"--{key}={value}")
    assert str(error).startswith(f"{tmp_path / 'recipe.toml'}: ")
    assert "\n" not in str(error)
    for part in parts:
        assert part in str(error)


def test_adapters_and_moving_back_exclude_each_other(tmp_path: Path) -> None:
    error = problem(tmp_path, "--stage.reason.lora.rank=8", "--stage.reason.interpolation=0.5")
    assert "stage.reason.interpolation is 0.5, but adapters cannot move back" in str(error)
    assert "stage.reason.lora unset" in str(error)


def test_a_weight_on_replayed_prompts_needs_a_stage_to_replay(tmp_path: Path) -> None:
    error = problem(tmp_path, "--stage.reason.replay_beta=0.5")
    assert "stage.reason.replay_beta is 0.5, but the stage replays nothing" in str(error)


def test_a_missing_setting_says_what_it_means(tmp_path: Path) -> None:
    error = problem(tmp_path, text='[stage.a]\ntype = "sft"\ntasks = [{ type = "file" }]')
    assert "stage.a.tasks.0.path is missing." in error.message
    assert error.remedy == "It means: Path of the file; relative to the working folder."


def test_several_problems_are_told_at_once_one_a_line(tmp_path: Path) -> None:
    error = problem(tmp_path, "--sede", "1", "--model.dtype", "fp16")
    first, *others = str(error).splitlines()
    assert first.endswith("recipe.toml has 2 problems:")
    assert len(others) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = \n", "line 1"),
        ("name = 'a'\nname = 'b'\n", "line 2"),
        ("base = 3\n", "base = 3 is no path"),
    ],
)
def test_what_is_no_recipe_says_where(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in str(problem(tmp_path, text=text))


def test_a_missing_recipe_suggests_one_that_exists(tmp_path: Path) -> None:
    (tmp_path / "quickstart.toml").write_text("")
    with pytest.raises(UserError, match=r"no recipe at .*quikstart\.toml.* Did you mean '.*quickstart\.toml'"):
        load_recipe(tmp_path / "quikstart.toml")


def test_a_folder_and_a_binary_file_are_no_recipes(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "binary.toml"):
        with pytest.raises(UserError, match="Cannot read the recipe"):
            load_recipe(path)


def test_moments_in_bfloat16_must_change_faster_than_they_round(tmp_path: Path) -> None:
    error = problem(tmp_path, "--stage.reason.moments_dtype", "bfloat16", "--stage.reason.betas", "[0.9, 0.999]")
    said = f"{error.message} {error.remedy}"
    assert all(part in said for part in ("stage.reason", "betas is [0.9, 0.999]", "0.99 at most", "'float32'")), said
