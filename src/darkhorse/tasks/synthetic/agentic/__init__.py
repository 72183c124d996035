"""Suites of episodes in worlds with a state: each kind's tasks name the environment they take place in."""

from darkhorse.tasks.synthetic.agentic import calculation, database, debugging, feedback, retrieval, service

__all__ = ["calculation", "database", "debugging", "feedback", "retrieval", "service"]
