"""Random models and a byte-level tokenizer, small enough to be checked against a reference in milliseconds."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from darkhorse.chat.renderer import Renderer
from darkhorse.chat.template import install_template
from darkhorse.policy.loading import Policy, prepare_model
from darkhorse.policy.saving import save_pretrained
from darkhorse.rollout.engine import Request
from darkhorse.rollout.trajectory import Completion, FinishReason

SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY = 256 + len(SPECIAL)
WINDOW = 5

_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
    "initializer_range": 0.2,
}
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"tie_word_embeddings": False}),
    "llama-tied": ("Llama", {"tie_word_embeddings": True}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 12}),
    "gemma3": (
        "Gemma3Text",
        {"head_dim": 12, "sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "mistral": ("Mistral", {"sliding_window": WINDOW}),
}
KINDS = list(_KINDS)


def model(kind: str = "llama", dtype: torch.dtype = torch.float32, seed: int = 0) -> PreTrainedModel:
    """A causal language model with Transformers' own attention: the reference."""
    name, extra = _KINDS[kind]
    config = getattr(transformers, f"{name}Config")(**(_SHAPE | extra), attn_implementation="sdpa")
    prefix = "Gemma3" if name == "Gemma3Text" else name
    torch.manual_seed(seed)
    made: PreTrainedModel = getattr(transformers, f"{prefix}ForCausalLM")(config).to(dtype).eval()
    with torch.no_grad():  # norms and biases start at constants that would hide a mistake
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    made.set_attn_implementation("sdpa")
    return made


def packed(reference: PreTrainedModel) -> PreTrainedModel:
    """A copy that computes as a policy does."""
    made = copy.deepcopy(reference)
    prepare_model(made)
    return made


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and the special tokens of the chat template."""
    vocabulary = {character: number for number, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(SPECIAL)
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|pad|>")
    install_template(made)
    return made


def policy(kind: str = "llama", dtype: torch.dtype = torch.float32, seed: int = 0) -> Policy:
    """A policy around a random model."""
    words = tokenizer()
    return Policy(packed(model(kind, dtype, seed)), words, Renderer(words), "random")


def ending_often(made: Policy) -> Policy:
    """The same policy, made to end its turns at very different lengths."""
    with torch.no_grad():
        made.model.get_output_embeddings().weight[made.renderer.end_of_turn] *= 2.5
    return made


def folder(path: Path, kind: str = "llama") -> Path:
    """A Hugging Face folder of a random model."""
    save_pretrained(model(kind), tokenizer(), path)
    return path


def gradients(made: PreTrainedModel) -> dict[str, Tensor]:
    """Gradients by name, taken off the model."""
    found = {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
    made.zero_grad(set_to_none=True)
    return found


def saved_bytes(run: Callable[[], Tensor], besides: Iterable[Tensor] = ()) -> tuple[int, Tensor]:
    """Bytes of the tensors that a pass keeps for its gradients, each storage once, and what the pass gave.

    Args:
        run: the pass.
        besides: tensors whose storages do not count.
    """
    storages = {tensor.untyped_storage().data_ptr(): 0 for tensor in besides}

    def note(tensor: Tensor) -> Tensor:
        storages.setdefault(tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = run()
    return sum(storages.values()), output


def assert_same_gradients(got: dict[str, Tensor], wanted: dict[str, Tensor], relative: float = 1e-5) -> None:
    """Every gradient equal to within a share of its own largest entry."""
    assert set(got) == set(wanted)
    assert got
    for name, gradient in wanted.items():
        assert gradient.abs().max() > 0, f"{name} has no gradient: nothing is tested"
        error = (got[name] - gradient).abs().max() / gradient.abs().max()
        assert error < relative, f"{name}: {float(error):.2e}"


def reference_logprobs(
    reference: PreTrainedModel, prompt: Sequence[int], completion: Sequence[int], temperature: float = 1.0
) -> Tensor:
    """Log-probabilities of a completion by a plain forward pass over the one sequence."""
    ids = torch.tensor([[*prompt, *completion]])
    logits = reference(input_ids=ids, use_cache=False).logits[0]
    logprobs = torch.log_softmax(logits / temperature, -1)
    rows = torch.arange(len(prompt) - 1, ids.shape[1] - 1)
    return logprobs[rows, ids[0, len(prompt) :]]


@dataclass
class ScriptedEngine:
    """Says what `write` returns for a request and a sample: text (its turn ended), or tokens left as they are.

    Attributes:
        renderer: turns text into tokens.
        write: what to say.
        logprobs: reported for a prompt and tokens; zeros when None.
        requests: all that was asked, for the test to look at.
    """

    renderer: Renderer
    write: Callable[[Request, int], str | list[int]]
    logprobs: Callable[[Sequence[int], list[int]], list[float]] | None = None
    requests: list[Request] = field(default_factory=list)
    weights_version: int = 0

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        """The scripted completions, last request first; then those of requests appended meanwhile."""
        taken = 0
        while taken < len(requests):
            self.requests += requests[taken:]
            batch = range(taken, len(requests))
            taken = len(requests)
            for index in reversed(batch):
                for sample in range(requests[index].num_samples):
                    yield self._complete(index, requests[index], sample)

    def _complete(self, index: int, request: Request, sample: int) -> Completion:
        said = self.write(request, sample)
        tokens = [*self.renderer.encode(said), self.renderer.end_of_turn] if isinstance(said, str) else said
        ended = tokens[-1] == self.renderer.end_of_turn
        reason: FinishReason = "stop" if ended else "length"
        logprobs = self.logprobs(request.prompt, tokens) if self.logprobs else [0.0] * len(tokens)
        return Completion(index, sample, tokens, logprobs, reason, self.weights_version)

    def sync_weights(self, policy: Policy) -> None:
        """Only counts."""
        self.weights_version += 1


def heads(dtype, tokens, count, width, beside=16):
    """`[1, H, T, D]` as models cut it out of a joint product: neither contiguous nor alone in its rows."""
    rows = torch.randn(1, tokens, count * width + beside).to(dtype)
    return rows[..., : count * width].view(1, tokens, count, width).transpose(1, 2)
