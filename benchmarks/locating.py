"""How exactly single mistakes are located: the verdict, jsonschema and Pydantic on the same mistakes.

    python benchmarks/locating.py [--layouts N] [--sample N]

The mistakes are those of the tests: made from the contract, each with its place known from the writer of
the text. A peer is asked what it has a notion of: validators get the parsed values, and only a pointer is
asked of them; parsers get the texts that are no JSON, and only a line and a column. Where a required member
is misspelt, a peer may name the missing member or the unknown one. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match, relevance
from pydantic import ValidationError
from pydantic_core import from_json

import loracle_contracts
from loracle_contracts import operations, spec

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from located import Score, Told, in_text, in_values, loracle, score
from mistakes import Mistake, pointer_to

EXACT, ERRORS, MISTAKES = 0.995, 1.05, 3_700
Judge = Callable[[Mistake], list[Told]]


@cache
def published(operation: str) -> Any:
    """The contract as it is published: unions as oneOf with a constant."""
    document = json.loads(spec.read("openapi-strict.json"))
    schema = {**document, "$ref": f"#/components/schemas/{operations()[operation].request}"}
    return jsonschema.Draft202012Validator(schema)


@cache
def if_then(operation: str) -> Any:
    """The same contract in the if/then form."""
    schema = {"$defs": spec.document("strict")["$defs"], "$ref": f"#/$defs/{operations()[operation].request}"}
    return jsonschema.Draft202012Validator(schema)


def of_jsonschema(validator_of: Callable[[str], Any]) -> Judge:
    def told(given: Mistake) -> list[Told]:
        errors = list(validator_of(given.operation).iter_errors(json.loads(given.text)))
        best = best_match(iter(errors), key=relevance)
        return [meant(Told(pointer), given) for pointer in pointers(best)] + [Told(None)] * (len(errors) - 1)

    return told


def pointers(error: Any) -> list[str]:
    """Where an error of jsonschema stands; of a missing or unknown member the member itself."""
    path = tuple(error.absolute_path)
    if error.validator == "required":
        (member,) = re.findall(r"^'(.*)' is a required property$", error.message)
        return [pointer_to((*path, member))]
    if error.validator == "additionalProperties":
        unknown = [name for name in error.instance if name not in error.schema["properties"]]
        return [pointer_to((*path, name)) for name in unknown]
    return [pointer_to(path)]


def pydantic(given: Mistake) -> list[Told]:
    model = getattr(loracle_contracts, str(operations()[given.operation].request))
    value = json.loads(given.text)
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [meant(Told(pointer_to(instance_path(one, value))), given) for one in error.errors()]
    return []


def instance_path(error: Any, value: Any) -> tuple[int | str, ...]:
    """Where an error of Pydantic stands in the value: its location without the names of variants.

    Of a missing member the member itself, of a wrong tag the tag.
    """
    path: list[int | str] = []
    for step in error["loc"]:
        try:
            value = value[step]
        except (IndexError, KeyError, TypeError):
            continue
        path.append(step)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path.append(error["ctx"]["discriminator"].strip("'"))
    return tuple(path)


def meant(told: Told, given: Mistake) -> Told:
    """The unknown name in the place of the missing one, where one is a misspelling of the other."""
    (place, *_) = given.places
    is_missing = (
        given.meant is not None and told.pointer == f"{place.pointer.rpartition('/')[0]}/{given.meant}"
    )
    return Told(place.pointer) if is_missing else told


def standard_library(given: Mistake) -> list[Told]:
    try:
        json.loads(given.text)
    except json.JSONDecodeError as error:
        return [Told("", None, error.lineno, error.colno)]
    return []


def pydantic_parser(given: Mistake) -> list[Told]:
    try:
        from_json(given.text)
    except ValueError as error:
        return [Told("", None, *map(int, re.findall(r"line (\d+) column (\d+)", str(error))[0]))]
    return []


def row(name: str, figures: Score, *, has_lines: bool = True, has_pointers: bool = True) -> None:
    exact = f"{figures.exact / figures.mistakes:.2%}" if has_pointers else "no notion"
    placed = f"{figures.placed / figures.mistakes:.2%}" if has_lines else "no notion"
    each = f"{figures.errors / figures.mistakes:.3f}"
    print(f"  {name:<44} {figures.mistakes:>8} {exact:>10} {placed:>13} {each:>10}")


def heading(text: str) -> None:
    print(f"{text:<46} {'mistakes':>8} {'exact':>10} {'line:column':>13} {'errors each':>11}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layouts", type=int, default=1, help="layouts of each mistake, of 7")
    parser.add_argument("--sample", type=int, help="only so many mistakes of each operation")
    chosen = parser.parse_args()
    values = list(in_values(chosen.layouts, chosen.sample))
    texts = list(in_text(chosen.sample))
    ours = score(itertools.chain(values, texts), loracle)
    heading("all mistakes")
    row("loracle validate", ours)
    heading("in values and members of texts that are JSON")
    parseable = [given for given in values if given.is_json]
    row("loracle validate", score(parseable, loracle))
    row(
        "jsonschema best_match, published schema", score(parseable, of_jsonschema(published)), has_lines=False
    )
    row("jsonschema best_match, if/then schema", score(parseable, of_jsonschema(if_then)), has_lines=False)
    row("Pydantic, discriminated models", score(parseable, pydantic), has_lines=False)
    heading("in the grammar of the text")
    grammar = [given for given in texts if "json.syntax" in given.places[0].rules]
    row("loracle validate", score(grammar, loracle))
    row("json.loads", score(grammar, standard_library), has_pointers=False)
    row("pydantic_core.from_json", score(grammar, pydantic_parser), has_pointers=False)
    bars = {
        f"at least {MISTAKES} mistakes": ours.mistakes >= MISTAKES or chosen.sample is not None,
        f"at least {EXACT:.1%} located exactly": ours.exact >= EXACT * ours.mistakes,
        f"at most {ERRORS} errors a mistake": ours.errors <= ERRORS * ours.mistakes,
        "line and column right on all": ours.placed == ours.exact,
        "every misspelt name guessed": ours.guessed == ours.misspelt,
    }
    for bar, is_reached in bars.items():
        print(f"{bar}: {'reached' if is_reached else 'MISSED'}")
    return 0 if all(bars.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
