"""A recipe: everything that decides a run."""

from __future__ import annotations

from pydantic import Field, model_validator

from darkhorse.config.base import Settings
from darkhorse.config.cluster import ClusterConfig
from darkhorse.config.evals import EvaluationConfig
from darkhorse.config.model import ModelConfig
from darkhorse.config.rollout import AgentConfig, EngineConfig
from darkhorse.config.sandbox import SandboxConfig
from darkhorse.config.stages import RLStage, StageConfig

_RUN_FOLDER = ("base", "benchmarks", "evals", "model", "tensorboard")
"""What a run's folder holds beside one folder a stage, and the name of the measurement before the first one."""


class Recipe(Settings):
    """Model, ordered stages, evaluations, seed, and where it runs."""

    name: str = "run"
    """Name of the run; its folder is `output/name`."""
    output: str = "runs"
    """Folder that holds runs."""
    seed: int = Field(default=0, ge=0)
    """Seeds data order, sampling and initialisation."""
    model: ModelConfig = Field(default_factory=ModelConfig)
    engine: EngineConfig = Field(default_factory=EngineConfig)
    agent: AgentConfig = Field(default_factory=AgentConfig)
    sandbox: SandboxConfig = Field(default_factory=SandboxConfig)
    cluster: ClusterConfig = Field(default_factory=ClusterConfig)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    stage: dict[str, StageConfig] = Field(default_factory=dict)
    """Stages by name, in the order they run."""

    @model_validator(mode="after")
    def _stages_have_folders_of_their_own(self) -> Recipe:
        for name in self.stage:
            if name in _RUN_FOLDER:
                raise ValueError(f"stage.{name}: a run's folder holds something else under '{name}': rename the stage")
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Recipe:
        earlier: list[str] = []
        for name, stage in self.stage.items():
            references = {"init_from": stage.init_from}
            if isinstance(stage, RLStage):
                references |= {"replay_from": stage.replay_from, "reward_model": stage.reward_model}
            for field, target in references.items():
                if target is not None and target not in earlier:
                    raise ValueError(
                        f"stage.{name}.{field} names '{target}', which is no earlier stage "
                        f"(earlier: {', '.join(earlier) or 'none'})"
                    )
            earlier.append(name)
        return self

    @model_validator(mode="after")
    def _one_reward_model(self) -> Recipe:
        for name, stage in self.stage.items():
            if (
                isinstance(stage, RLStage)
                and stage.reward_model is not None
                and stage.external_reward_model is not None
            ):
                raise ValueError(
                    f"stage.{name} names both reward_model '{stage.reward_model}' and external_reward_model "
                    f"'{stage.external_reward_model}': give one"
                )
        return self

    @model_validator(mode="after")
    def _held_prompts_are_replayed(self) -> Recipe:
        for name, stage in self.stage.items():
            if isinstance(stage, RLStage) and stage.replay_beta is not None and stage.replay_from is None:
                raise ValueError(
                    f"stage.{name}.replay_beta is {stage.replay_beta:g}, but the stage replays nothing: "
                    f"set stage.{name}.replay_from, or leave replay_beta unset"
                )
        return self

    @model_validator(mode="after")
    def _whole_weights_move_back(self) -> Recipe:
        for name, stage in self.stage.items():
            if isinstance(stage, RLStage) and stage.interpolation < 1 and stage.lora is not None:
                raise ValueError(
                    f"stage.{name}.interpolation is {stage.interpolation:g}, but adapters cannot move back: "
                    f"leave it 1, or stage.{name}.lora unset"
                )
        return self
