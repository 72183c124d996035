r"""Mathematics: deciding whether a boxed answer equals a gold answer."""

from __future__ import annotations

from darkhorse.verify.math.verifier import MathVerifier, verify_math

__all__ = ["MathVerifier", "verify_math"]
