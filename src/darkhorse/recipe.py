"""Running a recipe: its stages in order, measured before and after, resumable at any point."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from darkhorse.agent.workplace import open_workplace
from darkhorse.config.loading import dump_recipe, load_recipe
from darkhorse.config.recipe import Recipe
from darkhorse.config.stages import RewardModelStage, RLStage, SFTStage, StageConfig
from darkhorse.config.tasks import SourceConfig
from darkhorse.errors import UserError, did_you_mean
from darkhorse.evals.benchmarks import benchmark_plans, brief, data_folder, run_benchmarks
from darkhorse.evals.contamination import warn_of_contamination
from darkhorse.evals.measure import RESULTS
from darkhorse.evals.runner import BASE, evaluate, read_samples, write_samples
from darkhorse.evals.summary import paired_figures, suite_figures
from darkhorse.evals.table import print_results
from darkhorse.evals.watching import watching
from darkhorse.observe.jsonl import finite
from darkhorse.observe.progress import print_summary
from darkhorse.observe.report import write_report
from darkhorse.policy.adapters import require_peft
from darkhorse.policy.loading import load_policy, resolve
from darkhorse.policy.memory import release_freed_memory
from darkhorse.policy.saving import write_file
from darkhorse.rewards.build import build_scorers
from darkhorse.rewards.reward_model import load_reward_model
from darkhorse.tasks.build import build_mixture
from darkhorse.tasks.pairs import build_pairs
from darkhorse.training.checkpoint import Checkpoints
from darkhorse.training.data_checks import check_demonstrations, check_verifiers
from darkhorse.training.reward_model import train_reward_model
from darkhorse.training.rl import RLTrainer
from darkhorse.training.sft import train_sft
from darkhorse.training.watch import Watch

_BASE_MODEL = "base_model.json"
_BENCHMARKS = "benchmarks"
_DONE = "done.json"


def run_recipe(recipe: Recipe, only: str | None = None) -> Path:
    """Run a recipe's stages and evaluations; what is done already is not done again.

    Every stage starts from the folder the one before it left, so an interrupted run that is started again gives the
    figures it would have given.

    Args:
        recipe: what to do.
        only: run just this stage (the stages it builds on must be done).

    Returns:
        The run's folder.

    Raises:
        UserError: if the folder belongs to a different recipe, or something the recipe names does not exist.
    """
    if only is not None and only not in recipe.stage:
        raise UserError(f"The recipe has no stage '{only}'.", did_you_mean(only, recipe.stage))
    _refuse_what_is_only_planned(recipe)
    run_dir = Path(recipe.output) / recipe.name
    if only is None and not (run_dir / _BENCHMARKS / _DONE).exists():
        benchmark_plans(recipe.evaluation)  # so that missing data do not wait for the stages before them
    _claim(run_dir, recipe)
    return _Run(recipe, run_dir).go(only)


def _refuse_what_is_only_planned(recipe: Recipe) -> None:
    """Full-scale recipes can be resolved and costed on any machine, but this version runs on one."""
    if recipe.cluster.type != "local":
        raise UserError(
            f"cluster.type is '{recipe.cluster.type}', but recipes run on one machine only.",
            "See the plan and its cost with --dry-run, or set --cluster.type local.",
        )


def final_model(run_dir: Path) -> Path:
    """The newest policy checkpoint of a run.

    Raises:
        UserError: if there is none yet.
    """
    link = run_dir / "model"
    if not link.exists():
        raise UserError(f"'{run_dir}' holds no trained model yet.", "Let 'darkhorse train' finish a stage first.")
    return link.resolve()


def _claim(run_dir: Path, recipe: Recipe) -> None:
    """Write the resolved recipe, or check that the folder holds a run of the same one: settings that are newer than the
    run have their defaults in it.

    A run that never got as far as training or measuring may be replaced: its recipe was probably being mended.
    """
    text = dump_recipe(recipe)
    path, base = run_dir / "recipe.toml", run_dir / _BASE_MODEL
    if path.exists() and path.read_text() != text and _resolved(path) != text:
        if any(other not in (path, base) for other in run_dir.iterdir()):
            raise UserError(
                f"'{run_dir}' holds a run of a different recipe (see {path}).",
                "Give this run another --name, or remove that folder.",
            )
        base.unlink(missing_ok=True)
        path.unlink()
    if not path.exists():
        write_file(path, text)


def _resolved(path: Path) -> str | None:
    """A recipe as it would be written now; None if it is none any more."""
    try:
        return dump_recipe(load_recipe(path))
    except UserError:
        return None


@dataclass
class _Run:
    recipe: Recipe
    run_dir: Path

    def go(self, only: str | None) -> Path:
        for name, stage in self.recipe.stage.items():
            if (only is None or name == only) and not self._done(name):
                self._check_data(name, stage)
        base = self._base()
        previous = BASE
        if only is None:
            self._evaluate(BASE, base)
        for name, stage in self.recipe.stage.items():
            if only is None or name == only:
                if not self._done(name):
                    self._run_stage(name, stage, previous, base)
                if not isinstance(stage, RewardModelStage):
                    self._link()
                    self._evaluate(name, base)
            if not isinstance(stage, RewardModelStage):
                previous = name
        if only is None:
            self._run_benchmarks(self._folder(previous, base))
        self._summarise()
        write_report(self.run_dir)
        print_summary(json.loads((self.run_dir / "summary.json").read_text()))
        if results := self._benchmark_results():
            print_results(results)
        return self.run_dir

    # -- where things are

    def _base(self) -> str:
        """The model to start from; decided once, so that a resumed run cannot start from another."""
        path = self.run_dir / _BASE_MODEL
        if not path.exists():
            write_file(path, json.dumps({"source": resolve(self.recipe.model.name)}))
        return str(json.loads(path.read_text())["source"])

    def _folder(self, stage: str, base: str) -> str:
        if stage == BASE:
            return base
        folder = Checkpoints(self.run_dir / stage / "checkpoints").latest()
        if folder is None or not self._done(stage):
            raise UserError(f"Stage '{stage}' is not done yet.", "Run it first, or the whole recipe without --only.")
        return str(folder)

    def _done(self, stage: str) -> bool:
        return (self.run_dir / stage / _DONE).exists()

    def _finish(self, stage: str, seconds: float) -> None:
        write_file(self.run_dir / stage / _DONE, json.dumps({"wall_seconds": seconds}))

    # -- stages

    def _check_data(self, name: str, stage: StageConfig) -> None:
        """Read a stage's data once before anything runs, so that a bad row does not wait for the stages before it."""
        if not isinstance(stage, RewardModelStage) and stage.lora is not None:
            require_peft()
        match stage:
            case SFTStage():
                warn_of_contamination(name, stage.tasks, data_folder(self.recipe.evaluation))
                check_demonstrations(build_mixture(_weighted(stage.tasks), self.recipe.seed, name))
            case RewardModelStage():
                build_pairs(stage.pairs, self.recipe.seed)
            case RLStage():
                warn_of_contamination(name, stage.tasks, data_folder(self.recipe.evaluation))
                check_verifiers(build_mixture(self._sources(stage), self.recipe.seed, name))

    def _run_stage(self, name: str, stage: StageConfig, previous: str, base: str) -> None:
        source = self._folder(stage.init_from or previous, base)
        match stage:
            case SFTStage():
                policy = load_policy(self.recipe.model, source)
                mixture = build_mixture(_weighted(stage.tasks), self.recipe.seed, name)
                seconds = train_sft(policy, name, stage, mixture, self.run_dir)
            case RewardModelStage():
                reward_model = load_reward_model(source, float32_head=stage.float32_head)
                pairs = build_pairs(stage.pairs, self.recipe.seed)
                seconds = train_reward_model(reward_model, name, stage, pairs, self.run_dir)
            case RLStage():
                seconds = self._run_rl(name, stage, source, base)
        self._finish(name, seconds)
        release_freed_memory()

    def _run_rl(self, name: str, stage: RLStage, source: str, base: str) -> float:
        mixture = build_mixture(self._sources(stage), self.recipe.seed, name)
        folder = self._folder(stage.reward_model, base) if stage.reward_model is not None else None
        scorer, audit = build_scorers(stage, folder)
        policy = load_policy(self.recipe.model, source)
        held = stage.beta or stage.replay_beta or stage.interpolation < 1
        reference = load_policy(self.recipe.model, source) if held else None
        with open_workplace(self.recipe, policy) as place:
            trainer = RLTrainer(policy, name, stage, self.recipe.seed, mixture, place, scorer, reference, audit=audit)
            self._set_apart(trainer, mixture.names[len(stage.tasks) :])
            if stage.watch is not None:
                measure = watching(place, stage.watch, self.recipe.evaluation, trainer.sync, self.recipe.seed)
                trainer.watch = Watch(measure)
            return trainer.train(self.run_dir)

    def _set_apart(self, trainer: RLTrainer, replayed: Sequence[str]) -> None:
        """Replayed sources are sampled at the temperature of the stage they come from, and held with a weight of their
        own.
        """
        stage = trainer.settings
        origin = self.recipe.stage[stage.replay_from] if stage.replay_from is not None else None
        if isinstance(origin, RLStage):
            trainer.temperatures = dict.fromkeys(replayed, origin.sampling.temperature)
        if stage.replay_beta is not None:
            trainer.betas = dict.fromkeys(replayed, stage.replay_beta)

    def _sources(self, stage: RLStage) -> list[tuple[SourceConfig, float]]:
        """The stage's sources, and those of the stage it replays, scaled to their share."""
        own = _weighted(stage.tasks)
        if stage.replay_from is None:
            return own
        replayed = self.recipe.stage[stage.replay_from]
        assert not isinstance(replayed, RewardModelStage)
        return _scaled(own, 1.0 - stage.replay_share) + _scaled(_weighted(replayed.tasks), stage.replay_share)

    # -- measuring

    def _evaluate(self, stage: str, base: str) -> None:
        config = self.recipe.evaluation
        path = self.run_dir / "evals" / f"{stage}.jsonl"
        if not config.tasks or path.exists() or (config.stages is not None and stage not in config.stages):
            return
        started = time.monotonic()
        policy = load_policy(self.recipe.model, self._folder(stage, base))
        with open_workplace(self.recipe, policy) as place:
            rows = evaluate(place, config, stage, stage in config.greedy, self.recipe.seed)
        del policy, place
        release_freed_memory()
        write_file(path.with_suffix(".json"), json.dumps({"wall_seconds": time.monotonic() - started}))
        write_samples(path, rows)
        self._summarise()

    def _run_benchmarks(self, source: str) -> None:
        if not self.recipe.evaluation.benchmarks or self._done(_BENCHMARKS):
            return
        started = time.monotonic()
        run_benchmarks(self.recipe, source, self.run_dir)
        self._finish(_BENCHMARKS, time.monotonic() - started)
        release_freed_memory()

    def _benchmark_results(self) -> dict[str, Any]:
        """What the run's benchmarks came to; empty before they are done, and where there are none."""
        path = self.run_dir / _BENCHMARKS / RESULTS
        return dict(json.loads(path.read_text())) if self._done(_BENCHMARKS) and path.exists() else {}

    def _summarise(self) -> None:
        """Write `summary.json` from what has been measured so far."""
        samples = {
            stage: read_samples(path)
            for stage in [BASE, *self.recipe.stage]
            if (path := self.run_dir / "evals" / f"{stage}.jsonl").exists()
        }
        measured = list(samples)
        summary: dict[str, Any] = {
            "name": self.recipe.name,
            "model": self.recipe.model.name,
            "seed": self.recipe.seed,
            "stages": {stage: suite_figures(rows) for stage, rows in samples.items()},
            "paired": {
                f"{before}->{after}": paired_figures(samples[before], samples[after])
                for before, after in pairwise(measured)
            },
            "wall_seconds": {
                stage: seconds
                for stage in [BASE, *self.recipe.stage, _BENCHMARKS]
                if (seconds := self._seconds(stage)) is not None
            },
        }
        if results := self._benchmark_results():
            summary["benchmarks"] = brief(results, self.recipe.evaluation)
        write_file(self.run_dir / "summary.json", json.dumps(finite(summary), indent=1))

    def _seconds(self, stage: str) -> float | None:
        """Time spent on a stage, its evaluation included; None before it is done."""
        spent = [self.run_dir / stage / _DONE, self.run_dir / "evals" / f"{stage}.json"]
        values = [float(json.loads(path.read_text())["wall_seconds"]) for path in spent if path.exists()]
        return sum(values) if values else None

    def _link(self) -> None:
        """`model` in the run's folder leads to the newest policy, also while later stages are still to come."""
        policies = [name for name, stage in self.recipe.stage.items() if not isinstance(stage, RewardModelStage)]
        newest = [name for name in policies if self._done(name)][-1]
        link, fresh = self.run_dir / "model", self.run_dir / ".model"
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path(self._folder(newest, "")).relative_to(self.run_dir))
        fresh.replace(link)


def _weighted(sources: list[SourceConfig]) -> list[tuple[SourceConfig, float]]:
    return [(source, source.weight) for source in sources]


def _scaled(sources: list[tuple[SourceConfig, float]], share: float) -> list[tuple[SourceConfig, float]]:
    total = sum(weight for _, weight in sources)
    return [(source, share * weight / total) for source, weight in sources]
