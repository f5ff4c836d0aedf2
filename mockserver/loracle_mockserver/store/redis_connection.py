"""One connection to a Redis or Valkey, over which a store runs its scripts."""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import NoScriptError
from redis.retry import Retry

from loracle_mockserver.store.protocol import StoreError
from loracle_mockserver.store.redis_scripts import SCRIPTS

__all__ = ["RedisConnection"]

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_IDLE_SECONDS = 0.5
_DIGESTS = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in SCRIPTS.items()}  # noqa: S324


class RedisConnection:
    """Runs scripts; where the server went away, the next call connects again."""

    def __init__(self, url: str) -> None:
        """Raises StoreError where the URL is none of Redis, or nobody answers there."""
        settings = _settings(url)
        # Whatever the URL says of these: the store reads bytes, and what was sent once may have been
        # done, so that it must not be sent again.
        settings.update(
            protocol=2,
            decode_responses=False,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            retry_on_error=[],
        )
        where = settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
        self.where = f"the Redis at {where}, database {settings.get('db') or 0}"
        # Without the client around it, which would take half as long again for each command.
        self._answered_at = time.monotonic()
        try:
            self._connection: Any = settings.pop("connection_class", redis.Connection)(**settings)
        except TypeError:
            # The client takes every parameter of the URL for one of its own.
            raise _misread("it has a parameter that the client does not know") from None
        try:
            self._load()
        except (redis.RedisError, OSError, ValueError) as error:
            self.close()
            raise StoreError(f"{self.where} cannot be used: {_why(error)}") from None

    def _load(self) -> None:
        for text in SCRIPTS.values():
            self._command("SCRIPT LOAD", text)

    def _command(self, *words: bytes | str | float) -> Any:
        self._connection.send_command(*words, check_health=False)
        answer = self._connection.read_response()
        self._answered_at = time.monotonic()
        return answer

    def _leave_if_closed(self) -> None:
        """Ends a connection that the server has ended, so that the next command opens another one."""
        try:
            is_closed = self._connection.can_read()
        except (redis.RedisError, OSError):
            is_closed = True
        if is_closed:
            self._connection.disconnect()

    def run(self, script: str, *values: bytes | str | float) -> Any:
        """What the script of this name answers. Raises StoreError where there is no answer."""
        try:
            if time.monotonic() - self._answered_at > _IDLE_SECONDS:
                # Servers end connections on which nothing happens, or were started anew meanwhile.
                self._leave_if_closed()
            try:
                return self._command("EVALSHA", _DIGESTS[script], 0, *values)
            except NoScriptError:
                # The server was started anew since.
                self._load()
                return self._command("EVALSHA", _DIGESTS[script], 0, *values)
        except (redis.RedisError, OSError) as error:
            raise StoreError(f"{self.where} does not do its work: {_why(error)}") from None

    def close(self) -> None:
        """Closes the connection."""
        self._connection.disconnect()


def _settings(url: str) -> dict[str, Any]:
    """What the client makes of a URL. Raises StoreError where that is not what was meant."""
    try:
        settings: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
        path = urlsplit(url).path
    except ValueError:
        raise _misread() from None
    # The client takes database 0 where it cannot read the number, and another socket where there is none.
    is_understood = bool(path) if url.startswith("unix:") else re.fullmatch("/?[0-9]*", path)
    if not is_understood:
        raise _misread()
    return settings


def _misread(why: str = "") -> StoreError:
    # Without quoting it, because a part of it may be the password.
    because = f" ({why})" if why else ""
    return StoreError(
        f"the URL of the Redis is not understood{because}; it has the form "
        "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or unix://PATH[?db=DATABASE]"
    )


def _why(error: Exception) -> str:
    # Some texts of the client go on for several lines.
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
