"""Takes out of a recorded exchange what signed URLs and cookies give away (keys: `redaction.py`)."""

from __future__ import annotations

import re

from loracle_mockserver.journal import Entry
from loracle_mockserver.redaction import redacted_headers

__all__ = ["is_signature", "without_secrets", "without_signatures"]

# Parameters of signed URLs: S3 and what is like it, Google Cloud Storage, Azure, CloudFront.
_SIGNED = (
    rb"(?:X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)"
    rb"|AWSAccessKeyId|GoogleAccessId|Signature|Key-Pair-Id|Policy|sig)"
)
# In JSON & may be written as \u0026, in the query of another URL as %26; what is hidden must not hide the quotation mark behind it.
_PARAMETER = re.compile(
    rb"(?i)(?:(?<![A-Za-z0-9-])|(?<=u0026)|(?<=%%26))(%b(?:=|%%3d))[^&\s\"'\\<>#\[][^&\s\"'\\<>#]*" % _SIGNED
)
_NAME = re.compile(rb"(?i)%b" % _SIGNED)
_REPLACED = rb"\g<1>" + b"redacted"


def without_secrets(entry: Entry) -> Entry:
    """The entry without the secrets of signed URLs, in the query and wherever in a text they stand.

    What stands for them is the word `redacted`, without brackets, so that a URL remains one. A header that by
    its name is a secret is hidden in the answer, too.
    """
    body = _PARAMETER.sub(_REPLACED, entry.body)
    return entry._replace(
        query=_PARAMETER.sub(_REPLACED, entry.query),
        headers=[(name, _PARAMETER.sub(_REPLACED, value)) for name, value in entry.headers],
        body=body,
        body_length=len(body) if entry.is_whole else max(entry.body_length, len(body) + 1),
        reply_headers=[
            (name, _PARAMETER.sub(_REPLACED, value)) for name, value in redacted_headers(entry.reply_headers)
        ],
        reply_body=_PARAMETER.sub(_REPLACED, entry.reply_body),
    )


def without_signatures(text: str) -> str:
    """A text without the secrets of the signed URLs in it, one that is cut short included."""
    return _PARAMETER.sub(_REPLACED, text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def is_signature(name: str) -> bool:
    """Whether a query parameter of this name is a secret of a signed URL."""
    return _NAME.fullmatch(name.encode("utf-8", "replace")) is not None
