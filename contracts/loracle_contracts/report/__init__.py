"""Reports of verdicts: for a person, for CI systems, for machines."""
