"""Function calls by the rules of the Berkeley Function Calling Leaderboard: as published, and corrected for rewards.

The published rules are those of the `ast_checker` of Patil et al., "The Berkeley Function Calling Leaderboard", 2025.
"""

from darkhorse.verify.bfcl.verifier import bfcl

__all__ = ["bfcl"]
