"""Importing this module registers every verifier Darkhorse brings."""

from darkhorse.verify import answers, code, functions, instructions, math, preference, reasoning_gym, worlds

__all__ = ["answers", "code", "functions", "instructions", "math", "preference", "reasoning_gym", "worlds"]
