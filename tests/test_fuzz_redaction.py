"""No report of the fuzzer shows a key or what grants an upload, whoever spells it and however."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fuzz_calls import run
from fuzz_reports import KEY, OTHER_KEY, answer, exchange, finding, report, request
from hypothesis import given
from hypothesis import strategies as st
from served_app import served

from loracle_contracts import check_server
from loracle_contracts.checks import ServerBrokeContractError
from loracle_contracts.exchange import Answer
from loracle_contracts.fuzzing import FuzzOptions, FuzzReport, NotChecked
from loracle_contracts.fuzzing.probe import Failure
from loracle_contracts.fuzzing.report import FORMATS, written
from loracle_contracts.fuzzing.report.document import document
from loracle_contracts.fuzzing.secrets import Secrets, signatures

SIGNATURE = "canarysignature0123456789abcdef"
UPLOAD = f"https://storage.test/a.png?X-Amz-Credential=canarycredential%2F2026&X-Amz-Signature={SIGNATURE}"
# Beginnings, so that what is cut off in the middle is found, too.
ENCODED = base64.b64encode(f"user:{KEY}".encode()).decode()
CANARIES = (KEY[:9], OTHER_KEY[:9], SIGNATURE[:12], "canarycredential")


def forms(found: FuzzReport) -> dict[str, str]:
    made = document(found)
    return {form: written(made, form, environment={}) for form in FORMATS}


def in_base64(text: str) -> list[str]:
    """What is the same in base64 wherever in a longer text this one begins."""
    return [base64.b64encode(before + text.encode()).decode()[4:11] for before in (b"", b"x", b"xy")]


def assert_clean(found: FuzzReport) -> None:
    for form, text in forms(found).items():
        for canary in CANARIES:
            assert canary.lower() not in text.lower(), (form, canary)
            assert not any(part in text for part in in_base64(canary)), form


def spelled(key: str) -> list[str]:
    in_json = "".join(f"\\u{ord(character):04x}" for character in key)
    in_url = "".join(f"%{ord(character):02x}" for character in key)
    return [
        key,
        key.upper(),
        quote(key),
        in_json,
        in_url,
        *(base64.b64encode(before + key.encode()).decode() for before in (b"", b"u:", b"user:")),
    ]


texts_with_keys = st.sampled_from(
    [*spelled(KEY), *spelled(OTHER_KEY), SIGNATURE, UPLOAD, UPLOAD.replace("&", "\\u0026")]
)
around = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="%\\"), max_size=8)


@st.composite
def leaking(draw: st.DrawFn) -> str:
    # A letter or digit beside a short key would make another word of it; a key stands alone.
    before, after = (draw(around) for _ in range(2))
    return f"{before} {draw(texts_with_keys)} {after}"


@given(leaking(), st.booleans())
def test_what_a_server_says_is_redacted_wherever_it_says_it(text: str, has_answer: bool) -> None:
    told = json.dumps({"message": text, "raw": text}).encode()
    came: Answer | Failure = Answer(500, (("X-Echo", text), ("Location", text)), told + text.encode(), 0.1)
    if not has_answer:
        came = Failure("protocol", text)
    one = finding(
        check="leak",
        subject=text,
        title=text,
        expected=text,
        got=repr(text),
        operations=[text],
        exchanges=(exchange(came=came, url=UPLOAD),),
    )
    skipped = (NotChecked("walk", text, text),)
    assert_clean(report(one, not_checked=skipped, stopped=text, end="server", signatures=(SIGNATURE,)))


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {KEY}",
        f"bearer  {KEY}",
        f"Basic {ENCODED}",
        f"Bearer {KEY}extra",
        f"Bearer {KEY.upper()}",
        KEY,
        f"Bearer {OTHER_KEY}",
        f"Bearer {quote(KEY, safe='')}",
    ],
)
def test_a_request_is_told_without_its_key(value: str) -> None:
    sent = request(
        f'{{"name": "{KEY}", "other": "{OTHER_KEY}"}}'.encode(),
        target=f"/v3/training?key={KEY}&token=canarycredential",
        headers=(("Authorization", value), ("X-Key", value)),
    )
    for form, text in forms(report(finding(exchanges=(exchange(sent),)))).items():
        assert KEY.lower() not in text.lower(), form
        assert OTHER_KEY not in text, form
        assert "canarycredential" not in text, form
        assert ENCODED[8:-4] not in text, form


def test_binary_bodies_are_told_without_keys() -> None:
    sent = request(b"\xff\x00" + KEY.encode() + b"\xfe")
    (one,) = document(report(finding(exchanges=(exchange(sent),))))["findings"]
    body = base64.b64decode(one["exchanges"][0]["request"]["body"]["data"])
    assert body == b"\xff\x00[redacted]\xfe"
    assert one["replay"] == "layer", "what was redacted cannot be sent again as it was"


@pytest.mark.parametrize("cut", range(6, len(KEY) + 1))
def test_the_beginning_of_a_key_at_a_cut_is_redacted(cut: int) -> None:
    got = f"'x {KEY[:cut]}' and 20 bytes more"
    made = document(report(finding(got=got)))
    assert KEY[:6] not in made["findings"][0]["got"]
    long = "y" * (4000 - cut) + KEY
    made = document(report(finding(exchanges=(exchange(came=answer(body=long.encode())),))))
    assert KEY[:6] not in made["findings"][0]["exchanges"][0]["answer"]["body"]


def test_a_stand_in_is_no_secret_but_is_put_in_again() -> None:
    sent = request(headers=(("Authorization", "Bearer stand-in-key-of-the-fuzzer"),))
    made = document(report(finding(exchanges=(exchange(sent),)), options=FuzzOptions("http://127.0.0.1:1")))
    told = made["findings"][0]["exchanges"][0]
    assert told["request"]["headers"] == [["Authorization", "Bearer $LORACLE_API_KEY"]]
    assert "stand-in-key-of-the-fuzzer" in told["curl"], "nobody has it in the environment"


def test_the_options_show_no_key() -> None:
    assert KEY not in repr(FuzzOptions("http://a", api_key=KEY, other_api_key=OTHER_KEY))
    assert SIGNATURE not in repr(report(signatures=(SIGNATURE,)))


def test_signatures_are_known_from_addresses() -> None:
    body = json.dumps({"upload_url": UPLOAD}).replace("/", "\\/").encode()
    found = signatures(None, Answer(200, (), body))
    assert found == {SIGNATURE, "canarycredential/2026"} == signatures(UPLOAD, Failure("reset", ""))
    clean = Secrets(None, None, found).clean_whole
    assert clean(f"{SIGNATURE} canarycredential%2F2026") == "[redacted] [redacted]"


@given(st.text(max_size=40))
def test_what_has_no_secret_stays_as_it_is(text: str) -> None:
    secrets = Secrets(KEY, OTHER_KEY, [SIGNATURE])
    if not set(text) & set("=&?"):
        assert secrets.clean_whole(text) == text
        assert secrets.put_in(secrets.named(text)) == text


@given(st.text(max_size=10), st.sampled_from([KEY, OTHER_KEY]), st.text(max_size=10))
def test_keys_are_put_in_where_they_were(before: str, key: str, after: str) -> None:
    secrets = Secrets(KEY, OTHER_KEY)
    if not set(before + after) & set("=&?"):
        assert secrets.put_in(secrets.named(f"{before}{key}{after}")) == f"{before}{key}{after}"


# --- whole runs against servers that tell what they must not


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers everything with 200 and with all that it was sent, in body and headers."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    key = sent.get("authorization", "")
    told = json.dumps({"headers": sent, "body": body.decode("latin-1"), "upload_url": UPLOAD, "key": key[7:]})
    headers = [(b"content-type", b"text/html"), (b"x-key", key.encode("latin-1"))]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": told.encode()})


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_of_a_whole_run_shows_a_key(form: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    with served(_echo) as there:
        url = f"http://127.0.0.1:{there.port}"
        keys = ("--api-key", KEY, "--other-api-key", OTHER_KEY)
        layers = ("--layers", "examples,authentication", "--max-requests", "30")
        result = run(url, *keys, *layers, "--format", form, "--save", saved)
        assert result.exit_code == 1, result.output
        again = run(url, *keys, "--replay", saved)
    for text in (result.output, saved.read_text(), again.output):
        for canary in CANARIES:
            assert canary not in text, text[max(0, text.find(canary) - 80) :][:200]
    assert "leak" in result.stdout


def test_a_failed_check_in_a_test_shows_no_key() -> None:
    with pytest.raises(ServerBrokeContractError) as caught:
        check_server(_echo, api_key=KEY, layers=("examples",), max_requests=20)
    assert not any(canary.lower() in str(caught.value).lower() for canary in CANARIES)
