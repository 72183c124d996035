"""Worlds that episodes take place in."""
