"""An OpenAPI document whose parts know where they stand, so that every complaint says where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from loracle_contracts.locate import steps
from loracle_contracts.spec_diff.source import SourceError, parse, read_bytes

__all__ = ["Document", "DocumentError", "Place", "read_document"]

Json = Any
_BUILTIN = "builtin:"


class DocumentError(Exception):
    """A document cannot be compared; the message names it, the place in it, and why."""


@dataclass(frozen=True, eq=False)
class Document:
    """One OpenAPI document of version 3.0 or 3.1; `name` is what the user called it."""

    name: str
    root: dict[str, Json] = field(repr=False)

    def __post_init__(self) -> None:
        version = self.root.get("openapi") if isinstance(self.root, dict) else None
        if not isinstance(version, str) or not version.startswith(("3.0.", "3.1.")):
            what = f"its openapi is {version!r}" if version is not None else "it has no member openapi"
            raise DocumentError(f"{self.name}: no OpenAPI document of version 3.0 or 3.1: {what}")

    @property
    def is_30(self) -> bool:
        """Whether schemas are those of OpenAPI 3.0, which are no JSON Schema."""
        return str(self.root["openapi"]).startswith("3.0.")

    def top(self) -> Place:
        """The document as a place."""
        return Place(self, "#", self.root)


@dataclass(frozen=True, eq=False)
class Place:
    """A value in a document; `pointer` is its JSON Pointer as a URI fragment."""

    document: Document = field(repr=False)
    pointer: str
    value: Json = field(repr=False)

    def error(self, text: str) -> DocumentError:
        """What is wrong here, as an exception to raise."""
        return DocumentError(f"{self.document.name}: {self.pointer}: {text}")

    def child(self, key: str | int, value: Json) -> Place:
        """A value inside of this one."""
        step = str(key).replace("~", "~0").replace("/", "~1")
        return Place(self.document, f"{self.pointer}/{step}", value)

    def members(self) -> dict[str, Place]:
        """The members of an object; raises DocumentError where this is none."""
        if not isinstance(self.value, dict):
            raise self.error("an object is wanted here")
        return {name: self.child(name, value) for name, value in self.value.items()}

    def items(self) -> list[Place]:
        """The items of an array; raises DocumentError where this is none."""
        if not isinstance(self.value, list):
            raise self.error("an array is wanted here")
        return [self.child(i, value) for i, value in enumerate(self.value)]

    def get(self, name: str) -> Place | None:
        """The member of this name, None where there is none; raises DocumentError where this is no object."""
        if not isinstance(self.value, dict):
            raise self.error("an object is wanted here")
        return self.child(name, self.value[name]) if name in self.value else None

    def raw(self, name: str, default: Json = None) -> Json:
        """The value of the member of this name, whatever it is, else the default."""
        found = self.get(name)
        return found.value if found is not None else default

    def text(self, name: str) -> str | None:
        """The member of this name, which has to be text where it is there."""
        found = self.get(name)
        if found is not None and not isinstance(found.value, str):
            raise found.error("text is wanted here")
        return found.value if found is not None else None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """The member of this name, which has to be true or false where it is there."""
        found = self.get(name)
        if found is None:
            return default
        if not isinstance(found.value, bool):
            raise found.error("true or false is wanted here")
        return found.value

    def followed(self) -> Place:
        """The place itself, or what it refers to over any number of steps."""
        place = self
        seen: set[str] = set()
        while isinstance(place.value, dict) and "$ref" in place.value:
            if place.pointer in seen:
                raise self.error("the reference leads back to itself")
            seen.add(place.pointer)
            place = place.target(place.value["$ref"])
        return place

    def target(self, reference: Json) -> Place:
        """What a reference that stands here points to."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise self.error(f"the reference {reference!r} does not begin with #/; bundle the document first")
        found: Json = self.document.root
        for step in _steps(reference):
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                raise self.error(f"the reference {reference!r} leads nowhere")
        return Place(self.document, reference, found)


def _steps(reference: str) -> list[str]:
    from urllib.parse import unquote  # noqa: PLC0415

    return steps(unquote(reference))


def read_document(name: str) -> Document:
    """The document that a user names: a file, "-" for standard input, or builtin:PROFILE.

    Raises DocumentError where it cannot be read or is no OpenAPI document of version 3.0 or 3.1.
    """
    try:
        if name.startswith(_BUILTIN):
            return Document(name, parse(_builtin(name)))
        return Document(name if name != "-" else "standard input", parse(read_bytes(name)))
    except SourceError as error:
        raise DocumentError(f"{name}: cannot be read: {error}") from None


def _builtin(name: str) -> bytes:
    from loracle_contracts import spec  # noqa: PLC0415

    profile = name.removeprefix(_BUILTIN)
    if profile not in spec.PROFILES:
        known = ", ".join(_BUILTIN + one for one in spec.PROFILES)
        raise DocumentError(f"{name}: there is no such document; there are {known}")
    return spec.read(f"openapi-{profile}.json")
