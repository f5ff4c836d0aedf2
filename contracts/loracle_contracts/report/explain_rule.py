"""One rule by its id, with its source and a good and a bad example: for a person who met it in a report."""

from __future__ import annotations

import difflib

from loracle_contracts import spec
from loracle_contracts.verdict import Profile

__all__ = ["explain_rule"]


def explain_rule(rule: str, profile: Profile = "strict") -> str:
    """The rule, its source, what to do, and examples, as text that ends with a line break.

    Raises KeyError for a rule that no profile has; its argument is a sentence with close matches.
    """
    found = spec.rules(profile).get(rule)
    if found is None:
        close = difflib.get_close_matches(rule, spec.rules(profile), n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise KeyError(f"no rule {rule!r} in the profile {profile}.{hint}")
    return f"{found.id}\n"
