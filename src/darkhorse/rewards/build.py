"""From the settings of a stage to what scores its answers."""

from __future__ import annotations

import os

from darkhorse.config.stages import RLStage
from darkhorse.rewards.classifier import load_any
from darkhorse.rewards.judge import Judge
from darkhorse.rewards.reward_model import LocalScorer, load_reward_model
from darkhorse.rewards.scorer import Scorer
from darkhorse.rewards.service import TOKEN_VARIABLE, RemoteRewardModel


def build_scorers(settings: RLStage, folder: str | None) -> tuple[Scorer | None, Scorer | None]:
    """What scores the answers of a stage, and what audits the scores.

    Args:
        settings: of the stage.
        folder: of the reward-model stage it names, if it names one.

    Returns:
        The reward model with the judge as its audit; the judge alone where there is no reward model; or nothing.

    Raises:
        UserError: if a reward model cannot be loaded.
    """
    judge = Judge(settings.judge) if settings.judge is not None else None
    model: Scorer | None = None
    if folder is not None:
        model = LocalScorer(load_reward_model(folder))
    elif settings.external_reward_model is not None:
        model = _external(settings.external_reward_model)
    return (judge, None) if model is None else (model, judge)


def _external(name: str) -> Scorer:
    if name.startswith(("http://", "https://")):
        return RemoteRewardModel(name, os.environ.get(TOKEN_VARIABLE))
    return LocalScorer(load_any(name))
