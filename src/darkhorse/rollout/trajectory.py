"""What comes out of sampling: completions, trajectories made of them, and groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.verdict import Scored, Verdict

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Completion:
    """One sampled continuation of a request's prompt.

    Attributes:
        request: index of the request.
        sample: which of the request's samples, from 0.
        tokens: sampled ids, the stop token included.
        logprobs: of each token, under the distribution it was sampled from.
        finish_reason: `stop` at a stop token or string, `length` at the token limit.
        weights_version: version of the weights that sampled it.
    """

    request: int
    sample: int
    tokens: list[int]
    logprobs: list[float]
    finish_reason: FinishReason
    weights_version: int


@dataclass
class Trajectory:
    """One episode of a task, in tokens. Lists after the prompt run over the same `T` tokens.

    Attributes:
        prompt_tokens: ids of the prompt.
        tokens: `T` ids after the prompt: what was sampled, and what tools and the user said in between.
        loss_mask: 1 on sampled tokens, 0 on what tools and the user say.
        logprobs: log-probability each sampled token was drawn with; 0 elsewhere.
        weights_version: version of the weights behind each token.
        finish_reason: how the last turn ended.
        response: the last turn split into thinking and answer, and all turns as messages.
        turn_lengths: tokens sampled in each of the model's turns.
        turn_anchors: for each of them, a name of what stood before it; equal where the same was seen.
        turn_rewards: for each of them, the share of its calls that succeeded; 0 for a turn without calls.
        failure: what went wrong on our side during the episode; it is then abstained on.
        verdict: the verifier's decision, once there is one.
        learned: what a reward model or judge said, where one was asked; a score of 0 by a guard counts.
        reward: what the update uses; None when masked.
        advantage: set by the trainer.
        turn_advantages: of each turn, where the trainer tells turns apart.
    """

    prompt_tokens: list[int]
    tokens: list[int] = field(default_factory=list)
    loss_mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    weights_version: list[int] = field(default_factory=list)
    finish_reason: FinishReason = "stop"
    response: Response | None = None
    turn_lengths: list[int] = field(default_factory=list)
    turn_anchors: list[str] = field(default_factory=list)
    turn_rewards: list[float] = field(default_factory=list)
    failure: str | None = None
    verdict: Verdict | None = None
    learned: Verdict | None = None
    reward: float | None = None
    advantage: float | None = None
    turn_advantages: list[float] | None = None

    def append_sampled(self, completion: Completion, same_turn: bool = False) -> None:
        """Add what the model sampled: a turn, or more of the last one."""
        count = len(completion.tokens)
        self.tokens += completion.tokens
        self.logprobs += completion.logprobs
        self.loss_mask += [1] * count
        self.weights_version += [completion.weights_version] * count
        self.finish_reason = completion.finish_reason
        if same_turn:
            self.turn_lengths[-1] += count
        else:
            self.turn_lengths.append(count)

    def append_observed(self, tokens: list[int], weights_version: int) -> None:
        """Add what the environment answered; it carries no loss."""
        count = len(tokens)
        self.tokens += tokens
        self.logprobs += [0.0] * count
        self.loss_mask += [0] * count
        self.weights_version += [weights_version] * count

    @property
    def num_sampled(self) -> int:
        """Tokens the model wrote."""
        return sum(self.loss_mask)

    @property
    def score(self) -> float | None:
        """The verdict's score; None when abstained or not judged."""
        return self.verdict.score if isinstance(self.verdict, Scored) else None


@dataclass
class Group:
    """The `num_generations` trajectories of one task; `source` names the mixture's source it came from."""

    task: Task
    trajectories: list[Trajectory]
    source: str = ""

    @property
    def rewards(self) -> list[float]:
        """Of the trajectories that have one."""
        return [trajectory.reward for trajectory in self.trajectories if trajectory.reward is not None]

    @property
    def varies(self) -> bool:
        """Whether its rewards differ: only then do they say what is better."""
        rewards = self.rewards
        return len(rewards) >= 2 and max(rewards) - min(rewards) > 1e-6

    @property
    def updated(self) -> list[Trajectory]:
        """The trajectories to learn from."""
        return [trajectory for trajectory in self.trajectories if trajectory.advantage is not None]
