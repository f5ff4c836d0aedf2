"""Sends one request over and over on kept-alive connections, and counts the answers by status.

    python benchmarks/load.py PORT REQUEST-FILE [--connections N] [--requests N] [--core N]
                              [--counted-names]

Runs as a process of its own, so that what it costs is not counted as the server's. Each connection
waits for its answer before it sends again. REQUEST-FILE holds the bytes of one whole HTTP request.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds without any answer, after which the server counts as stuck
# Stands in the request where --counted-names puts a number of as many digits.
PLACE_OF_NUMBER = b"0000000"

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Connection:
    """One kept-alive connection with one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def status(self) -> int | None:
        """The status of the answer, or None while parts of it are missing."""
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._received += chunk
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = _LENGTH.search(self._received, 0, end + 2)
        if length is None:
            raise ConnectionError("an answer without Content-Length")
        if len(self._received) < end + 4 + int(length.group(1)):
            return None
        status = int(self._received[9:12])
        self._received = b""
        return status


def load(port: int, next_request: Callable[[], bytes], connections: int, requests: int) -> Counter[int]:
    """The number of answers by status, after that many requests in all.

    Raises ConnectionError or TimeoutError where the server does not answer.
    """
    found: Counter[int] = Counter()
    opened = [Connection(port) for _ in range(min(connections, requests))]
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.socket.sendall(next_request())
        sent, answered = len(opened), 0
        while answered < requests:
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"no answer within {PATIENCE:.0f} s after {answered} answers")
            for key, _ in ready:
                connection = key.data
                status = connection.status()
                if status is None:
                    continue
                answered += 1
                found[status] += 1
                if sent < requests:
                    connection.socket.sendall(next_request())
                    sent += 1
    for connection in opened:
        connection.socket.close()
    return found


def counted(request: bytes) -> Callable[[], bytes]:
    """Gives the request with another number in it at every call."""
    head, place, tail = request.partition(PLACE_OF_NUMBER)
    if not place:
        raise ValueError(f"the request has no place for a number: {PLACE_OF_NUMBER.decode()}")
    number = 0

    def next_request() -> bytes:
        nonlocal number
        number += 1
        return b"%b%0*d%b" % (head, len(PLACE_OF_NUMBER), number, tail)

    return next_request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("request", type=Path)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--core", type=int, help="the core to run on")
    parser.add_argument("--counted-names", action="store_true", help="another number in each request")
    chosen = parser.parse_args()
    if chosen.core is not None:
        os.sched_setaffinity(0, {chosen.core})
    request = chosen.request.read_bytes()
    next_request = counted(request) if chosen.counted_names else lambda: request
    began = time.perf_counter()
    statuses = load(chosen.port, next_request, chosen.connections, chosen.requests)
    print(json.dumps({"seconds": time.perf_counter() - began, "statuses": statuses}))


if __name__ == "__main__":
    main()
