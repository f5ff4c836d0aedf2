"""From the Authorization header to the namespace of the key, or to the refusal."""

from __future__ import annotations

from loracle_contracts.headers import authorization_rule, header_violation, redacted
from loracle_contracts.verdict import Profile
from loracle_mockserver.message import Reply, error_reply
from loracle_mockserver.store import MemoryStore, Namespace

__all__ = ["Authentication", "strict_key_rule"]

_MAX_CACHED = 1_000


class Authentication:
    """Knows which keys a mock accepts; without any, it accepts every key that is not blank."""

    def __init__(self, profile: Profile, keys: frozenset[str], store: MemoryStore) -> None:
        self._profile: Profile = profile
        self._keys = keys
        self._store = store
        self._known: dict[bytes, Namespace] = {}

    def namespace(self, sent: list[bytes]) -> Namespace | Reply:
        """The namespace of the key in the Authorization headers `sent`, or the answer that refuses them."""
        if len(sent) == 1:
            known = self._known.get(sent[0])
            if known is not None and self._store.holds(known):
                return known
        values = [value.decode("utf-8", "replace") for value in sent]
        rule = authorization_rule(values, self._profile)
        if rule is None:
            key = _key(values[0])
            if not self._keys or key in self._keys:
                if len(self._known) >= _MAX_CACHED:
                    self._known.clear()
                namespace = self._known[sent[0]] = self._store.namespace(key)
                return namespace
            rule = "header.authorization.key"
        reason = "MISSING_API_KEY" if rule.endswith("required") else "INVALID_API_KEY"
        violation = header_violation(rule, redacted(values), self._profile)
        return error_reply(reason, metadata={"violations": [violation.as_dict()]})


def strict_key_rule(sent: list[bytes]) -> tuple[str, ...]:
    """The rule that an accepted key breaks under strict: a bare one does."""
    rule = authorization_rule([value.decode("utf-8", "replace") for value in sent], "strict")
    return (rule,) if rule else ()


def _key(value: str) -> str:
    scheme, _, key = value.strip().partition(" ")
    # A bare key gets here in the lenient profile only.
    return key.strip() if scheme.lower() == "bearer" else value.strip()
