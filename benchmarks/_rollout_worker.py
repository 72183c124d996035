"""One system of `rollout.py` in a process of its own: reads batches on standard input, answers with seconds.

    python benchmarks/_rollout_worker.py SYSTEM MODEL_FOLDER

A batch is a line `{"prompts": [[token, ..], ..], "new_tokens": [n, ..]}`: every prompt is continued by exactly that
many tokens, sampled at temperature 1.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from _peers import Desk

Run: TypeAlias = Callable[[list[list[int]], list[int]], int]
"""Continues prompts by so many tokens each; returns how many came."""


def darkhorse(folder: str) -> Run:
    """The local engine, as the quickstart sets it up."""
    from darkhorse.config.model import ModelConfig
    from darkhorse.policy.loading import load_policy
    from darkhorse.rollout.engine import Request, SamplingParams
    from darkhorse.rollout.local import LocalEngine

    engine = LocalEngine(load_policy(ModelConfig(name=folder)), 256, lanes=2)

    async def run(prompts: list[list[int]], new_tokens: list[int]) -> int:
        requests = [
            Request(prompt, SamplingParams(max_tokens=count, seed=number, ignore_end=True))
            for number, (prompt, count) in enumerate(zip(prompts, new_tokens, strict=True))
        ]
        return sum([len(completion.tokens) async for completion in engine.generate(requests)])

    return lambda prompts, new_tokens: asyncio.run(run(prompts, new_tokens))


def _transformers(folder: str, attention: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation=attention)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def generate(folder: str, cache: str | None = None) -> Run:
    """Transformers' `generate` over one static batch; rows that reached their length wait for the longest."""
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    model = _transformers(folder, "sdpa")

    class Lengths(StoppingCriteria):
        def __init__(self, ends: torch.Tensor) -> None:
            self.ends = ends

        def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            return torch.as_tensor(input_ids.shape[1] >= self.ends)

    def run(prompts: list[list[int]], new_tokens: list[int]) -> int:
        ids = torch.tensor(prompts, device=model.device)
        ends = ids.shape[1] + torch.tensor(new_tokens, device=model.device)
        with torch.inference_mode():
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                max_new_tokens=max(new_tokens),
                eos_token_id=None,
                pad_token_id=0,
                cache_implementation=cache,
                stopping_criteria=StoppingCriteriaList([Lengths(ends)]),
            )
        return sum(new_tokens)

    return run


def continuous(folder: str) -> Run:
    """Transformers' continuous batching: one manager, started and warmed up before the first batch."""
    from transformers import GenerationConfig

    model = _transformers(folder, "sdpa")
    config = GenerationConfig(do_sample=True, temperature=1.0, top_k=0, eos_token_id=-1, pad_token_id=0)

    manager = model.init_continuous_batching(config)
    manager.warmup()
    manager.start()

    def run(prompts: list[list[int]], new_tokens: list[int]) -> int:
        for prompt, limit in zip(prompts, new_tokens, strict=True):
            manager.add_request(prompt, max_new_tokens=limit)
        count = finished = 0
        while finished < len(prompts):
            result = manager.get_result(timeout=1)
            if result is not None and result.is_finished():
                finished += 1
                count += len(result.generated_tokens)
            elif result is None and not manager.is_running():
                raise RuntimeError("continuous batching stopped early")
        return count

    return run


def vllm(folder: str) -> Run:
    """vLLM's offline engine, in the environment `rollout.py` makes for it."""
    # otherwise it decodes on all cores but one, which here is half of them
    os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    from vllm import LLM, SamplingParams

    model = LLM(
        folder,
        dtype="bfloat16",
        max_model_len=1024,
        max_num_seqs=256,
        enable_prefix_caching=False,
        kv_cache_memory_bytes=4 << 30,  # otherwise nearly all memory, some of which the other systems hold
    )

    def run(prompts: list[list[int]], new_tokens: list[int]) -> int:
        settings = [SamplingParams(temperature=1.0, max_tokens=count, ignore_eos=True) for count in new_tokens]
        outputs = model.generate([{"prompt_token_ids": p} for p in prompts], settings, use_tqdm=False)
        return sum(len(output.outputs[0].token_ids) for output in outputs)

    return run


SYSTEMS: dict[str, Callable[[str], Run]] = {
    "darkhorse": darkhorse,
    "generate": generate,
    "static": partial(generate, cache="static"),
    "continuous": continuous,
    "vllm": vllm,
}


def main() -> None:
    """Command line."""
    name, folder = sys.argv[1:]
    desk = Desk()
    run = SYSTEMS[name](folder)
    for batch in desk.questions():
        started = time.perf_counter()
        tokens = run(batch["prompts"], batch["new_tokens"])
        desk.answer({"tokens": tokens, "seconds": time.perf_counter() - started})


if __name__ == "__main__":
    main()
