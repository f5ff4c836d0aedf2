"""What the mock counts, as Prometheus reads it. Needs the extra `metrics`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from loracle_mockserver.engine import Engine

__all__ = ["CONTENT_TYPE", "metrics_text"]

CONTENT_TYPE = CONTENT_TYPE_LATEST


def metrics_text(engine: Engine) -> bytes:
    """The counts of the engine's store in Prometheus' text format; a reset puts them back to 0.

    Raises StoreError where the store cannot be read.
    """
    registry = CollectorRegistry()
    registry.register(_StoreCollector(engine))
    return generate_latest(registry)


class _StoreCollector(Collector):
    """Reads the store once for each scrape, so that the hot path counts nothing twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry need not read the store to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape."""
        engine = self._engine
        counted = engine.store.statistics()
        info = {"version": version("loracle"), "profile": engine.profile, "seed": str(engine.seed)}
        yield InfoMetricFamily("loracle", "The mock that answers.", value=info)
        requests = CounterMetricFamily(
            "loracle_requests",
            "Answers since the start or the last reset; operation and fault are empty where there is none.",
            labels=["operation", "status", "fault"],
        )
        for (operation, status, fault), count in sorted(counted.answers.items()):
            requests.add_metric([operation, str(status), fault], count)
        yield requests
        for name, text, value in (
            ("loracle_tasks", "Trainings that are kept.", counted.tasks),
            ("loracle_namespaces", "API keys whose state is kept.", counted.namespaces),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        for name, text, value in (
            (
                "loracle_tasks_dropped",
                "Trainings that went because the store was full.",
                counted.tasks_dropped,
            ),
            (
                "loracle_namespaces_dropped",
                "API keys whose state went because there were too many.",
                counted.namespaces_dropped,
            ),
            (
                "loracle_requests_dropped",
                "Journal entries that went because the journal was full.",
                counted.requests_dropped,
            ),
        ):
            yield CounterMetricFamily(name, text, value=value)
