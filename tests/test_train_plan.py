"""Plans of trainings: any request that the contract accepts gives one, or a reason why not."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from checks import seed_page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loracle_contracts import operations, spec, validate
from loracle_contracts.strategies import training_requests
from loracle_mockserver.trainer.plan import CLASS_IMAGES, Caps, Planned, TrainPlan, Untrainable, plan

CREATES = ("createSubjectTraining", "createStyleTraining")
REASONS = {"polynomial_rate_too_small"}
SOURCES = {"request", "default", "cap", "unused"}


def with_setting(**changes: Any) -> dict[str, Any]:
    return seed_page(expert_setting={**seed_page()["expert_setting"], **changes})


def values(found: TrainPlan) -> dict[str, Planned[Any]]:
    named = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {name: value for name, value in named.items() if isinstance(value, Planned)}


def refusal(body: dict[str, Any], operation: str, caps: Caps) -> Untrainable | None:
    try:
        plan(body, operation=operation, caps=caps)
    except Untrainable as error:
        return error
    return None


def check_plan(found: TrainPlan, body: dict[str, Any], caps: Caps) -> None:
    count = len(body["image_dataset_items"])
    assert found.images.effective == len(found.captions) == min(count, caps.max_images)
    assert all(caption.strip() or caption == found.instance_prompt.effective for caption in found.captions)
    assert 1 <= found.max_train_steps.effective <= caps.max_steps
    assert found.width.effective >= 1
    assert found.height.effective >= 1
    assert found.width.effective * found.height.effective <= caps.max_pixels
    assert len(found.components) == len(body.get("components") or [])
    for name, value in values(found).items():
        assert value.source in SOURCES
        if value.source == "default":
            assert value.requested is None
        if value.source == "request" and name != "images":
            assert value.requested == value.effective
        if value.source in ("cap", "unused"):
            assert value.note, f"{name} says why"
    hash(found)  # frozen, all the way down
    assert pickle.loads(pickle.dumps(found)) == found
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["captions"] == list(found.captions)


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("operation", CREATES)
def test_a_valid_request_gives_a_plan_or_a_reason(operation: str, profile: Any) -> None:
    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(training_requests(profile, operation), st.sampled_from([Caps(), Caps(3, 2, 64)]))
    def holds(body: dict[str, Any], caps: Caps) -> None:
        reason = refusal(body, operation, caps)
        if reason is None:
            check_plan(plan(body, operation=operation, caps=caps), body, caps)
        else:
            assert reason.reason in REASONS
            assert reason.message.endswith(".")
            assert reason.pointer.startswith("/")

    holds()


EXAMPLES = [
    path
    for path in spec.examples()
    if path.startswith(("valid/", "lint/")) and path.split("/")[1:3] in [[one, "request"] for one in CREATES]
]


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_accepted_example_is_planned(path: str) -> None:
    operation = path.split("/")[1]
    body = json.loads(spec.example(path))
    assert validate(body, operation, "lenient").valid
    if "polynomial_rate_too_small" in path:
        with pytest.raises(Untrainable, match="choose another scheduler"):
            plan(body, operation=operation)
    else:
        check_plan(plan(body, operation=operation), body, Caps())


def test_the_examples_were_found() -> None:
    assert len(EXAMPLES) > 100


def test_the_seed_page_is_planned_as_it_is_written() -> None:
    found = plan(seed_page())
    assert found.max_train_steps == Planned(1, 1, "request")
    assert found.learning_rate == Planned(0.0001, 0.0001, "request")
    assert found.seed == Planned(2023, 2023, "request")
    assert found.captions == (seed_page()["expert_setting"]["instance_prompt"],)
    assert found.class_images.effective == CLASS_IMAGES >= 32
    assert found.lora_r == Planned(None, 32, "default", "null: 32 is assumed")
    assert [(one.name, one.index) for one in found.components] == [
        ("face_crop_region", 0),
        ("resize", 1),
        ("face_restore", 2),
    ]
    assert (found.components[0]["ratio"], found.components[1]["width"]) == (1.0, 512)
    with pytest.raises(KeyError):
        found.components[0]["width"]


# What the contract's descriptions tell of absent fields.
DEFAULTS = {
    "train_batch_size": 1,
    "learning_rate": 1e-4,
    "max_train_steps": 200,
    "lr_scheduler": "constant",
    "lr_warmup_steps": 0,
    "class_prompt": "person",
    "with_prior_preservation": False,
    "prior_loss_weight": 1.0,
    "train_text_encoder": False,
    "lora_r": 32,
    "lora_alpha": 32,
    "lora_text_encoder_r": 32,
    "lora_text_encoder_alpha": 32,
    "seed": 7,
}


@pytest.mark.parametrize("setting", [None, {"instance_prompt": "sks"}])
def test_what_is_absent_is_what_the_contract_says(setting: Any) -> None:
    found = values(plan(seed_page(expert_setting=setting), default_seed=7))
    assert {name: found[name].effective for name in DEFAULTS} == DEFAULTS
    assert {found[name].source for name in DEFAULTS} == {"default"}
    assert all("absent" in found[name].note for name in DEFAULTS)


def test_null_is_told_apart_from_absent() -> None:
    found = plan(with_setting(seed=None))
    assert found.seed.note.startswith("null")


@pytest.mark.parametrize(("images", "steps"), [(1, 200), (9, 1800), (10, 2000), (50, 2000)])
def test_absent_steps_are_200_an_image_and_at_most_2000(images: int, steps: int) -> None:
    items = [{"assets_id": n} for n in range(images)]
    body = {**with_setting(max_train_steps=None), "image_dataset_items": items}
    assert plan(body, caps=Caps(max_steps=10**9)).max_train_steps.effective == steps


@pytest.mark.parametrize(
    ("request_", "name", "effective", "source", "note"),
    [
        (with_setting(max_train_steps=2**53 - 1), "max_train_steps", 2000, "cap", "2000"),
        (with_setting(max_train_steps=2001), "max_train_steps", 2000, "cap", "2001 is beyond"),
        (with_setting(max_train_steps=2000), "max_train_steps", 2000, "request", ""),
        (seed_page(width=2**53 - 1), "width", 2**20, "cap", "pixels"),
        (seed_page(width=1024, height=1024), "width", 1024, "request", ""),
        (
            with_setting(lr_warmup_steps=5, lr_scheduler="constant"),
            "lr_warmup_steps",
            0,
            "unused",
            "no warm-up",
        ),
        (
            with_setting(lr_warmup_steps=5, lr_scheduler="linear", max_train_steps=9),
            "lr_warmup_steps",
            5,
            "request",
            "",
        ),
        (
            with_setting(lr_warmup_steps=5, lr_scheduler="linear", max_train_steps=5),
            "lr_warmup_steps",
            5,
            "request",
            "never reached",
        ),
        (
            with_setting(lr_warmup_steps=1, lr_scheduler="cosine"),
            "lr_warmup_steps",
            1,
            "request",
            "nothing is trained",
        ),
        (
            with_setting(lora_text_encoder_r=8),
            "lora_text_encoder_r",
            8,
            "unused",
            "without train_text_encoder",
        ),
        (
            with_setting(lora_text_encoder_r=8, train_text_encoder=True),
            "lora_text_encoder_r",
            8,
            "request",
            "",
        ),
        (
            with_setting(with_prior_preservation=False, prior_loss_weight=2),
            "prior_loss_weight",
            2.0,
            "unused",
            "without with_prior_preservation",
        ),
        (with_setting(with_prior_preservation=False), "class_images", 0, "default", "none without"),
        (
            with_setting(with_prior_preservation=False),
            "class_prompt",
            "person",
            "unused",
            "without with_prior_preservation",
        ),
    ],
)
def test_what_is_cut_or_has_no_effect_is_said(
    request_: dict[str, Any], name: str, effective: Any, source: str, note: str
) -> None:
    value = values(plan(request_))[name]
    assert (value.effective, value.source) == (effective, source)
    assert note in value.note
    assert bool(note) == bool(value.note)


def test_more_images_than_the_cap_are_left_out_and_that_is_said() -> None:
    items = [{"assets_id": n, "caption": f"view {n}"} for n in range(4)]
    found = plan(seed_page(image_dataset_items=items), caps=Caps(max_images=2))
    assert (found.images.requested, found.images.effective, found.images.source) == (4, 2, "cap")
    assert found.captions == ("view 0", "view 1")


@pytest.mark.parametrize(("caption", "used"), [("a cat", "a cat"), ("", None), (" \n", None), (None, None)])
def test_a_caption_goes_before_the_instance_prompt(caption: Any, used: str | None) -> None:
    found = plan(seed_page(image_dataset_items=[{"assets_id": 1, "caption": caption}]))
    assert found.captions == (used or found.instance_prompt.effective,)


@pytest.mark.parametrize("operation", CREATES)
def test_without_a_prompt_there_is_one_for_each_kind(operation: str) -> None:
    found = plan(seed_page(expert_setting=None), operation=operation)
    assert ("person" if operation == CREATES[0] else "style") in found.instance_prompt.effective


@pytest.mark.parametrize(("rate", "is_planned"), [(1e-7, False), (5e-8, False), (1.1e-7, True)])
def test_the_polynomial_schedule_begins_above_its_end(rate: float, is_planned: bool) -> None:
    body = with_setting(learning_rate=rate, lr_scheduler="polynomial")
    if is_planned:
        assert plan(body).learning_rate.effective == rate
        return
    with pytest.raises(Untrainable) as caught:
        plan(body)
    assert (caught.value.reason, caught.value.pointer) == (
        "polynomial_rate_too_small",
        "/expert_setting/learning_rate",
    )
    assert pickle.loads(pickle.dumps(caught.value)).pointer == caught.value.pointer
    assert plan(with_setting(learning_rate=rate, lr_scheduler="linear"))


@pytest.mark.parametrize("operation", sorted(set(operations()) - set(CREATES)))
def test_only_trainings_are_planned(operation: str) -> None:
    with pytest.raises(Untrainable, match="starts no training"):
        plan(seed_page(), operation=operation)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (with_setting(max_train_steps="many"), "/expert_setting/max_train_steps"),
        (with_setting(max_train_steps=1.5), "/expert_setting/max_train_steps"),
        (with_setting(train_batch_size=True), "/expert_setting/train_batch_size"),
        (with_setting(learning_rate=float("nan")), "/expert_setting/learning_rate"),
        (with_setting(lr_scheduler=5), "/expert_setting/lr_scheduler"),
        (with_setting(train_text_encoder=1), "/expert_setting/train_text_encoder"),
        (seed_page(width=0), "/width"),
        (seed_page(image_dataset_items=[]), "/image_dataset_items"),
    ],
)
def test_what_the_contract_refuses_has_a_reason_too(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Untrainable) as caught:
        plan(body)
    assert caught.value.pointer == pointer
