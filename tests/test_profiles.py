"""Each profile is what its overlay says, and tells payloads apart as the contract's table does."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from bundle import HERE, PROFILES, bundle, load, profile
from document_walk import schemas_of
from jsonpath_ng.ext import parse
from oas_patch.overlay import apply_overlay
from oas_patch.validator import validate
from validation_form import validation_form

if TYPE_CHECKING:
    from collections.abc import Callable

Json = Any

STRICT = bundle()
OVERLAYS = {name: load(f"profiles/{name}.yaml") for name in PROFILES if name != "strict"}
# The JSON under the heading 示例 of the page: sha256 of its text, from the first brace to the last.
PRINTED_EXAMPLE = "5f0d81e039989a6950100fcbbdae7f39e1945f0e21174e0acb6013e35eeeeaa2"
HEX_ID = "34558688e2f42a0137ca2d5274a8cf43"


def _seed_page() -> bytes:
    (path,) = (HERE / "examples" / "valid").rglob("seed-page.json")
    return path.read_bytes()


# --- the overlays


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid(name: str) -> None:
    assert "success" in validate(OVERLAYS[name], "yaml")


def test_an_invalid_overlay_is_refused() -> None:
    assert "success" not in validate({**OVERLAYS["seed"], "actions": [{"remove": True}]}, "yaml")


def _idle_actions(overlay: Json) -> list[str]:
    """The targets that match nothing or change nothing, each action applied after those before it."""
    document = copy.deepcopy(STRICT)
    idle = []
    for action in overlay["actions"]:
        before = copy.deepcopy(document)
        matches = parse(action["target"]).find(document)
        apply_overlay(document, {"actions": [copy.deepcopy(action)]})
        if not matches or document == before:
            idle.append(action["target"])
    return idle


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_action_matches_and_changes_something(name: str) -> None:
    assert OVERLAYS[name]["actions"]
    assert _idle_actions(OVERLAYS[name]) == []


def test_an_idle_action_is_found() -> None:
    actions = [
        {"target": "$.components.schemas.Widht", "update": {"minimum": 2}},
        {"target": "$.components.schemas.Width", "update": {"minimum": 1}},
        {"target": "$.components.schemas.Width", "update": {"minimum": 2}},
    ]
    assert _idle_actions({"actions": actions}) == [action["target"] for action in actions[:2]]


@pytest.mark.parametrize("name", OVERLAYS)
def test_one_by_one_and_at_once_give_the_same(name: str) -> None:
    document = copy.deepcopy(STRICT)
    for action in OVERLAYS[name]["actions"]:
        apply_overlay(document, {"actions": [copy.deepcopy(action)]})
    assert document == profile(name, STRICT)


@pytest.mark.parametrize("name", PROFILES)
def test_no_update_appended_what_was_there(name: str) -> None:
    for place in schemas_of(profile(name, STRICT)):
        for keyword in ("type", "enum", "required", "examples"):
            values = place.node.get(keyword, [])
            texts = [json.dumps(v) for v in values] if isinstance(values, list) else []
            assert len(texts) == len(set(texts)), f"{place.pointer}/{keyword}"


def test_a_profile_leaves_the_strict_document_alone() -> None:
    before = copy.deepcopy(STRICT)
    for name in PROFILES:
        profile(name, STRICT)
    assert before == STRICT


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_changes_no_operation_and_no_answer(name: str) -> None:
    document = profile(name, STRICT)
    assert document["paths"] == STRICT["paths"]
    for answer in ("CreatedTask", "TrainingTask", "TaskList", "UploadTarget", "ModelList", "Error"):
        assert document["components"]["schemas"][answer] == STRICT["components"]["schemas"][answer]


# --- the seed page


def test_the_seed_example_is_the_printed_json() -> None:
    printed = _seed_page().removesuffix(b"\n")
    assert hashlib.sha256(printed).hexdigest() == PRINTED_EXAMPLE


# --- which profile accepts what


@pytest.fixture(scope="module")
def accepts() -> Callable[[str, Json], bool]:
    judges = {}
    for name in PROFILES:
        form = validation_form(profile(name, STRICT))
        schema = {**form, "$ref": "#/$defs/SubjectTrainingRequest"}
        judges[name] = jsonschema_rs.Draft202012Validator(schema)
    return lambda name, payload: judges[name].is_valid(payload)


def _seed(**changes: Json) -> Json:
    """The seed page's example with other members; `...` removes one."""
    payload = json.loads(_seed_page()) | changes
    return {key: value for key, value in payload.items() if value is not ...}


def _expert(**changes: Json) -> Json:
    setting = json.loads(_seed_page())["expert_setting"] | changes
    return _seed(expert_setting={key: value for key, value in setting.items() if value is not ...})


def _resize(**sides: Json) -> Json:
    return {"name": "resize", "args": [{"name": name, "value": value} for name, value in sides.items()]}


def _image(**members: Json) -> list[Json]:
    return [{"assets_id": HEX_ID, **members}]


NUMBERS = {"lr_warmup_steps": 10, "prior_loss_weight": 1.0, "lora_r": 32, "lora_alpha": 32}
TEXTS = {"learning_rate": "0.0003", "max_train_steps": "2000"}
SDK_NULLS = dict.fromkeys(
    ["learning_rate", "max_train_steps", "seed", "lr_scheduler", "lr_warmup_steps", "with_prior_preservation"]
)
SDK = {"image_dataset_items": _image(), "components": None}
RATIO = {"name": "face_crop_region", "args": [{"name": "ratio", "value": "1.4"}]}

# payload, its body, accepted by strict, lenient, seed; the first rows are those of the table
# "Measured" in the notes on the API, the others are its rows on single fields.
TABLE = [
    ("seed example", _seed(), True, True, True),
    ('with "512 "', _seed(components=[_resize(width="512", height="512 ")]), True, True, True),
    ("without width and height", _seed(width=..., height=...), False, True, True),
    ("without expert_setting", _seed(expert_setting=...), True, True, True),
    ("numbers where it prints null", _expert(**NUMBERS), True, True, False),
    (
        "English page's request",
        _expert(**NUMBERS) | {"image_dataset_items": _image(caption="a face")},
        True,
        True,
        False,
    ),
    ("SDK, required arguments only", _expert(**SDK_NULLS) | SDK, False, True, False),
    ("SDK, with components", _expert(**SDK_NULLS) | {"image_dataset_items": _image()}, True, True, False),
    ("SDK, integer ids", _expert(**SDK_NULLS) | {"components": None}, False, True, False),
    ("Django, texts for numbers", _expert(**TEXTS) | {"image_dataset_items": _image()}, False, True, False),
    ("requests script, real ids", _seed(image_dataset_items=_image(caption="")), True, True, False),
    ("Next.js, ids only", _seed(image_dataset_items=_image()), True, True, False),
    (
        "Laravel",
        _seed(
            width=1024,
            height=1024,
            expert_setting=...,
            image_dataset_items=_image(caption=None),
            components=[RATIO, _resize(width="512", height="512")],
        ),
        True,
        True,
        False,
    ),
    (
        "TypeScript from memory",
        _seed(image_dataset_items=..., dataset={"images": [{"image_url": "https://x.invalid"}]}),
        False,
        False,
        False,
    ),
    ("components null", _seed(components=None), False, True, False),
    ("components absent", _seed(components=...), False, True, False),
    ("components empty", _seed(components=[]), True, True, True),
    ("member that the contract does not know", _seed(instance_prompt="x"), False, True, True),
    ("unknown member of an expert setting", _expert(network_dim=8), False, True, True),
    ("width as text", _seed(width="512"), False, True, False),
    ("width as 512.0", _seed(width=512.0), True, True, True),
    ("width zero", _seed(width=0), False, False, True),
    ("width zero as text", _seed(width="0"), False, False, False),
    ("width true", _seed(width=True), False, False, False),
    ("argument as number", _seed(components=[_resize(width=512, height=512)]), False, True, True),
    ("argument zero", _seed(components=[_resize(width="0", height="512")]), False, False, True),
    ("unknown component", _seed(components=[{"name": "blur", "args": []}]), False, False, True),
    ("component without args", _seed(components=[{"name": "resize"}]), False, False, True),
    ("expert_setting null", _seed(expert_setting=None), True, True, False),
    ("no instance_prompt", _expert(instance_prompt=...), False, False, False),
    ("prior preservation without class_prompt", _expert(class_prompt=...), False, True, True),
    ("prior_loss_weight zero", _expert(prior_loss_weight=0), False, False, False),
    ("learning rate as text", _expert(learning_rate="0.0003"), False, True, False),
    ("learning rate zero as text", _expert(learning_rate="0.0"), False, False, False),
    ("rank below four", _expert(lora_r=3), False, False, False),
    ("rank below four as text", _expert(lora_r="3"), False, False, False),
    ("no image", _seed(image_dataset_items=[]), False, False, True),
    ("51 images", _seed(image_dataset_items=_image() * 51), False, False, False),
    ("blank id", _seed(image_dataset_items=[{"assets_id": " "}]), False, False, False),
    ("no id", _seed(image_dataset_items=[{"caption": ""}]), False, False, True),
    ("no name", _seed(name=...), False, False, False),
    ("name empty", _seed(name=""), False, False, True),
    ("array", [], False, False, False),
]


@pytest.mark.parametrize(
    ("payload", "strict", "lenient", "seed"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_a_profile_accepts_what_the_table_says(
    accepts: Callable[[str, Json], bool], payload: Json, strict: bool, lenient: bool, seed: bool
) -> None:
    assert {name: accepts(name, payload) for name in PROFILES} == {
        "strict": strict,
        "lenient": lenient,
        "seed": seed,
    }
