"""Counters of the sandbox for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from darkhorse.sandbox.protocol import ExecuteResult, JudgeResult

if TYPE_CHECKING:
    from darkhorse.sandbox.service import Service

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What `GET /metrics` says about a service."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "darkhorse_sandbox_requests", "Requests by kind and HTTP status.", ["kind", "code"], registry=self._registry
        )
        self._runs = Counter(
            "darkhorse_sandbox_runs", "Programs run, by how each ended.", ["status"], registry=self._registry
        )
        self._seconds = Histogram(
            "darkhorse_sandbox_request_seconds",
            "Seconds from a request's arrival to its answer.",
            ["kind"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        for name, text, read in (
            ("waiting", "Runs that wait for a fork server.", lambda: sum(pool.waiting for pool in service.pools)),
            ("running", "Runs under way.", lambda: sum(pool.running for pool in service.pools)),
            ("workers", "Runs that fit at once.", lambda: service.options.workers),
            ("restarts", "Fork servers replaced.", lambda: sum(pool.restarts for pool in service.pools)),
        ):
            Gauge(f"darkhorse_sandbox_{name}", text, registry=self._registry).set_function(read)

    def answered(self, kind: str, result: Any, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(kind, "200").inc()
        self._seconds.labels(kind).observe(seconds)
        if isinstance(result, ExecuteResult):
            self._runs.labels(result.status).inc()
        elif isinstance(result, JudgeResult):
            for test in result.tests:
                self._runs.labels(test.status).inc()

    def failed(self, kind: str, code: int) -> None:
        """Count a request that was refused or failed."""
        self._requests.labels(kind, str(code)).inc()

    def text(self) -> bytes:
        """All counters in Prometheus's text format."""
        return generate_latest(self._registry)
