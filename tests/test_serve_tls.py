"""`loracle serve` over TLS: a certificate made on the spot, one of the user's own, some that fail."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from live import PATIENCE, Answer, RunningMock, parse_answer, raw_request, run_command, running_mock
from wire_cases import JSON

KEY = ("Authorization", "Bearer secured")
UPLOAD = "/v3/assets/training_dataset"


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, its key, that key encrypted, and another key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    form, standard = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    hidden = key.private_bytes(standard, form, serialization.BestAvailableEncryption(b"password"))
    (folder / "encrypted.pem").write_bytes(hidden)
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(folder / "other.pem")
    (folder / "text.pem").write_text("no certificate", encoding="utf-8")
    return folder


def ask_securely(port: int, ca: Path, name: str, raw: bytes) -> Answer:
    """One request over TLS, after checking that the certificate is valid for the name."""
    context = ssl.create_default_context(cafile=str(ca))
    pieces = []
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(raw)
        while piece := secure.recv(65536):
            pieces.append(piece)
    return parse_answer(b"".join(pieces))


def ca_of(mock: RunningMock) -> Path:
    [line] = re.findall(r"^ca: (.+)$", mock.printed, re.MULTILINE)
    return Path(line)


def test_a_certificate_can_be_made_on_the_spot() -> None:
    with running_mock("--tls", "self-signed") as mock:
        assert mock.url.startswith("https://127.0.0.1:")
        ca = ca_of(mock)
        raw = raw_request("POST", UPLOAD, KEY, JSON, body=b'{"file_extension": "png"}')
        for name in ("localhost", "127.0.0.1", "::1"):
            answer = ask_securely(mock.port, ca, name, raw)
            assert answer.json["upload_url"].startswith("https://mock.test/_uploads/")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask_securely(mock.port, ca, "example.com", raw)
        assert oct(ca.parent.stat().st_mode).endswith("700"), "nobody else reads the key"
        mock.stop(signal.SIGTERM)
        assert not ca.parent.exists()


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs bash and curl")
@pytest.mark.parametrize("own", [False, True], ids=["self-signed", "own certificate"])
def test_the_printed_line_works_with_tls(own: bool, pems: Path) -> None:
    chosen = ["--tls-cert", str(pems / "cert.pem"), "--tls-key", str(pems / "key.pem")]
    with running_mock(*(chosen if own else ["--tls", "self-signed"])) as mock:
        [line] = [line for line in mock.printed.splitlines() if line.startswith("try:")]
        command = line.removeprefix("try:").strip()
        ran = subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=PATIENCE)
        assert "task_id" in json.loads(ran.stdout)


def test_a_certificate_of_ones_own_is_used_by_every_worker(pems: Path, tmp_path: Path) -> None:
    chosen = ["--tls-cert", str(pems / "cert.pem"), "--tls-key", str(pems / "key.pem")]
    with running_mock(*chosen, "--workers", "2", "--store", "sqlite:mock.db", cwd=tmp_path) as mock:
        raw = raw_request("GET", "/v3/training", KEY)
        for _ in range(6):
            assert ask_securely(mock.port, pems / "ca.pem", "127.0.0.1", raw).status == 200


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("absent.pem", "key.pem", "absent.pem cannot be read"),
        ("cert.pem", "absent.pem", "absent.pem cannot be read"),
        ("cert.pem", "other.pem", "other.pem is not that of the certificate"),
        ("cert.pem", "encrypted.pem", "encrypted.pem is encrypted"),
        ("text.pem", "key.pem", "are no certificate and key in PEM"),
        ("cert.pem", "text.pem", "are no certificate and key in PEM"),
    ],
)
def test_a_certificate_that_cannot_be_used_could_not_run(
    certificate: str, key: str, said: str, pems: Path
) -> None:
    ended = run_command("serve", "--port", "0", "--tls-cert", certificate, "--tls-key", key, cwd=pems)
    assert ended.returncode == 3
    [line] = ended.stderr.splitlines()
    assert said in line


def test_a_missing_extra_prints_its_install_line() -> None:
    code = "import sys; sys.modules['trustme'] = None; from loracle_mockserver.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "serve", "--port", "0", "--tls", "self-signed"],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode == 3
    [line] = ended.stderr.splitlines()
    assert "pip install 'loracle[tls]'" in line
