"""Darkhorse: train a small language model to reason, by the recipe behind QwQ-32B."""

__version__ = "0.1.0"
