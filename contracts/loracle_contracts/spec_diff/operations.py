"""Reads the operations of a document, with everything that the path and the document add to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from loracle_contracts.spec_diff.document import Document, Place
from loracle_contracts.spec_diff.schema_form import json_key

__all__ = ["Answer", "Body", "Media", "Operation", "Parameter", "operations"]

Json = Any
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Of these OpenAPI says that a parameter definition is ignored; the document says them elsewhere.
_NO_PARAMETERS = ("accept", "content-type", "authorization")
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


@dataclass(frozen=True, eq=False)
class Media:
    """What is sent as one content type; a `schema` of None takes everything."""

    place: Place = field(repr=False)
    schema: Place | None = field(repr=False)
    examples: list[Json] = field(repr=False, default_factory=list)
    encoding: Json = field(repr=False, default=None)


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter, or a header of an answer.

    `name` begins with where it is, as in "query limit"; `wire` says how its value is written.
    """

    name: str
    place: Place = field(repr=False)
    required: bool
    media: Media = field(repr=False)
    wire: tuple[Json, ...] = ()


@dataclass(frozen=True, eq=False)
class Body:
    """The body of a request, by content type or range of content types."""

    required: bool
    media: dict[str, Media]


@dataclass(frozen=True, eq=False)
class Answer:
    """What an operation answers with one status, or a range of them."""

    media: dict[str, Media]
    headers: dict[str, Parameter]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation as it is in effect.

    `security` lists the alternatives; each holds the schemes that it wants, by what they are, with their
    scopes. `other` holds what is not compared, such as callbacks.
    """

    id: str | None
    method: str
    path: str
    parameters: dict[tuple[str, str], Parameter] = field(repr=False)
    body: Body | None = field(repr=False)
    answers: dict[str, Answer] = field(repr=False)
    security: list[dict[str, frozenset[str]]] = field(repr=False)
    servers: list[str] = field(repr=False)
    is_deprecated: bool = False
    other: dict[str, Json] = field(repr=False, default_factory=dict)

    @property
    def name(self) -> str:
        """How the operation is called in reports."""
        return self.id or f"{self.method} {self.path}"


def operations(document: Document) -> dict[tuple[str, str], Operation]:
    """All operations by method and path; the names of path parameters are left out of the key.

    Raises DocumentError where the document is none.
    """
    found: dict[tuple[str, str], Operation] = {}
    paths = document.top().get("paths")
    for path, entry in (paths.members() if paths else {}).items():
        if path.startswith("x-"):
            continue
        item = entry.followed()
        for method in _METHODS:
            operation = item.get(method)
            if operation is not None:
                key = method.upper(), re.sub(r"\{[^{}]*\}", "{}", path)
                if key in found:
                    raise operation.error(f"the path is there twice, as {found[key].path}, too")
                found[key] = _operation(method.upper(), path, item, operation)
    return found


def _operation(method: str, path: str, item: Place, place: Place) -> Operation:
    own = _parameters(place, path)
    body = place.get("requestBody")
    answers = place.get("responses")
    other = {name: place.raw(name) for name in ("callbacks",) if place.raw(name)}
    return Operation(
        id=place.text("operationId"),
        method=method,
        path=path,
        parameters={**_parameters(item, path), **own},
        body=_body(body.followed()) if body else None,
        answers={
            str(status).upper() if status != "default" else status: _answer(answer.followed(), other, status)
            for status, answer in (answers.members() if answers else {}).items()
            if not status.startswith("x-")
        },
        security=_security(place),
        servers=_servers(place, item),
        is_deprecated=place.flag("deprecated"),
        other=other,
    )


def _parameters(holder: Place, path: str) -> dict[tuple[str, str], Parameter]:
    found: dict[tuple[str, str], Parameter] = {}
    segments = re.findall(r"\{([^{}]*)\}", path)
    listed = holder.get("parameters")
    for one in listed.items() if listed else ():
        place = one.followed()
        where, name = place.text("in"), place.text("name")
        if where not in _STYLES or name is None:
            raise place.error("a parameter needs a name, and an in of path, query, header or cookie")
        if where == "header":
            name = name.lower()
            if name in _NO_PARAMETERS:
                continue
        # A name in the path is the document's own; what counts is which segment it is.
        key = str(segments.index(name)) if where == "path" and name in segments else name
        found[where, key] = _parameter(name, place, where)
    return found


def _parameter(name: str, place: Place, where: str) -> Parameter:
    style = place.text("style") or _STYLES[where]
    wire = (style, place.flag("explode", default=style == "form"), place.flag("allowReserved"))
    content = place.get("content")
    if content is None:
        return Parameter(f"{where} {name}", place, place.flag("required"), _media(place), wire)
    for media_type, media in content.members().items():
        return Parameter(
            f"{where} {name}", place, place.flag("required"), _media(media), (_plain(media_type),)
        )
    raise content.error("a content type is wanted here")


def _media(place: Place) -> Media:
    examples = place.get("examples")
    example = place.get("example")
    given = [example.value] if example is not None else []
    if examples is not None and isinstance(examples.value, dict):
        found = [one.followed().get("value") for one in examples.members().values()]
        given += [one.value for one in found if one is not None]
    return Media(place, place.get("schema"), given, place.raw("encoding"))


def _all_media(place: Place) -> dict[str, Media]:
    content = place.get("content")
    return {_plain(name): _media(one) for name, one in (content.members() if content else {}).items()}


def _plain(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _body(place: Place) -> Body:
    return Body(place.flag("required"), _all_media(place))


def _answer(place: Place, other: dict[str, Json], status: str) -> Answer:
    if place.raw("links"):
        other[f"links of {status}"] = place.raw("links")
    headers = place.get("headers")
    found = {
        name.lower(): _parameter(name, one.followed(), "header")
        for name, one in (headers.members() if headers else {}).items()
        if name.lower() != "content-type"
    }
    return Answer(_all_media(place), found)


def _security(operation: Place) -> list[dict[str, frozenset[str]]]:
    found = operation.get("security") or operation.document.top().get("security")
    if found is None or not found.value:
        return [{}]
    return [
        {
            _scheme(name, one): frozenset(str(scope.value) for scope in one.items())
            for name, one in alternative.members().items()
        }
        for alternative in found.items()
    ]


def _scheme(name: str, place: Place) -> str:
    """What a security scheme is, whatever it is called."""
    found: Json = place.document.root.get("components", {})
    for step in ("securitySchemes", name):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise place.error(f"there is no security scheme {name!r}")
    scheme = Place(place.document, f"#/components/securitySchemes/{name}", found).followed().value
    return json_key({key: scheme[key] for key in sorted(scheme) if key != "description" and key[:2] != "x-"})


def _servers(*holders: Place) -> list[str]:
    for holder in (*holders, holders[0].document.top()):
        found = holder.get("servers")
        if found is not None and found.value:
            return [one.text("url") or "/" for one in found.items()]
    return ["/"]
