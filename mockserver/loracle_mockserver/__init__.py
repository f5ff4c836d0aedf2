"""The mock server of the subject-training API. Its face is the command `loracle`."""

__all__: list[str] = []
