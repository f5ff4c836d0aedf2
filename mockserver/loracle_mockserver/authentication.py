"""From the Authorization header to the namespace of the key, or to the refusal."""

from __future__ import annotations

from dataclasses import dataclass

from loracle_contracts.headers import authorization_rule, header_violation, redacted, sent_key
from loracle_contracts.verdict import Profile
from loracle_mockserver.fault_rules import namespace_of
from loracle_mockserver.message import Reply
from loracle_mockserver.refusals import refused_header

__all__ = ["Authentication", "Refusal", "strict_key_rule"]

_MAX_CACHED = 1_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request without a key that is accepted, and the rule that it breaks."""

    reply: Reply
    rule: str


class Authentication:
    """Knows which keys a mock accepts; without any, it accepts every key that is not blank."""

    def __init__(self, profile: Profile, keys: frozenset[str]) -> None:
        self._profile: Profile = profile
        self._keys = keys
        self._known: dict[bytes, str] = {}

    def namespace(self, sent: list[bytes]) -> str | Refusal:
        """The namespace of the key in the Authorization headers `sent`, or their refusal."""
        if len(sent) == 1:
            known = self._known.get(sent[0])
            if known is not None:
                return known
        values = [value.decode("utf-8", "replace") for value in sent]
        rule = authorization_rule(values, self._profile)
        if rule is None:
            key = sent_key(values[0])
            if not self._keys or key in self._keys:
                if len(self._known) >= _MAX_CACHED:
                    self._known.clear()
                namespace = self._known[sent[0]] = namespace_of(key)
                return namespace
            rule = "header.authorization.key"
        reason = "MISSING_API_KEY" if rule.endswith("required") else "INVALID_API_KEY"
        violation = header_violation(rule, redacted(values), self._profile)
        return Refusal(refused_header(reason, violation), rule)


def strict_key_rule(sent: list[bytes]) -> tuple[str, ...]:
    """The rule that an accepted key breaks under strict: a bare one does."""
    rule = authorization_rule([value.decode("utf-8", "replace") for value in sent], "strict")
    return (rule,) if rule else ()
