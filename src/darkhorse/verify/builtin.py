"""Importing this module registers every verifier Darkhorse brings."""

from darkhorse.verify import answers, code, functions, instructions, math, open_ended, preference, reasoning_gym

__all__ = ["answers", "code", "functions", "instructions", "math", "open_ended", "preference", "reasoning_gym"]
