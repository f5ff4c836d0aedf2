"""The mock server of the subject-training API."""
