"""The schema package: judges data against the contract."""
