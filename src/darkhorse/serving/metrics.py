"""What the server counts, in Prometheus's text format."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from darkhorse.serving.backend import Backend

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_KNOWN = ("/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/metrics")


class Metrics:
    """Counters of one server."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, backend: Backend) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "darkhorse_requests", "Answers by path and status.", ["path", "status"], registry=registry
        )
        self._tokens = Counter("darkhorse_tokens", "Tokens read and drawn.", ["kind"], registry=registry)
        self._first = Histogram(
            "darkhorse_time_to_first_token_seconds", "Until the first token.", registry=registry, buckets=_SECONDS
        )
        self._whole = Histogram(
            "darkhorse_request_seconds", "Until all of a reply.", registry=registry, buckets=_SECONDS
        )
        self._disconnected = Counter(
            "darkhorse_disconnects", "Clients that left before their reply was whole.", registry=registry
        )
        for name, value in (("running", lambda: backend.running), ("waiting", lambda: backend.waiting)):
            gauge = Gauge(f"darkhorse_samples_{name}", f"Samples that are {name}.", registry=registry)
            gauge.set_function(value)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """An answer has begun."""
        self._requests.labels(path if path in _KNOWN else "other", status).inc()

    def first_token(self, seconds: float) -> None:
        """A reply has its first token."""
        self._first.observe(seconds)

    def replied(self, prompt: int, completion: int, seconds: float, whole: bool) -> None:
        """A reply is whole, or its client has left."""
        self._tokens.labels("prompt").inc(prompt)
        self._tokens.labels("completion").inc(completion)
        if whole:
            self._whole.observe(seconds)
        else:
            self._disconnected.inc()

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)
