"""Payloads out of files: JSON, JSON Lines, YAML, HTTP Archives, the mock's journal, folders of them."""

from loracle_contracts.inputs.judge import Judge
from loracle_contracts.inputs.reading import Check
from loracle_contracts.inputs.sources import Source, sources

__all__ = ["Check", "Judge", "Source", "sources"]
