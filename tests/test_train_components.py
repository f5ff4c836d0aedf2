"""The components of a request: their arguments, and what they do to pictures."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from checks import seed_page
from drawn_pictures import noise, with_faces
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loracle_mockserver.trainer import components
from loracle_mockserver.trainer.components import TRAINING_SIZE, ComponentRecord, process
from loracle_mockserver.trainer.plan import Caps, TrainPlan, Untrainable, plan
from loracle_mockserver.trainer.planned import fitted


@pytest.mark.parametrize(
    ("args", "ratio", "source", "note"),
    [
        ([], 1.0, "default", "absent"),
        ([" 1.40\n"], 1.4, "request", ""),
        (["2", "3"], 3.0, "request", "last"),
    ],
)
def test_arguments_are_read_from_their_text(args: list[str], ratio: float, source: str, note: str) -> None:
    components = [{"name": "face_crop_region", "args": [{"name": "ratio", "value": v} for v in args]}]
    planned = plan(seed_page(components=components)).components[0].arguments[0].planned
    assert (planned.effective, planned.source) == (ratio, source)
    assert note in planned.note


def test_a_resize_of_any_size_is_cut_to_the_cap() -> None:
    args = [{"name": side, "value": "9" * 32} for side in ("width", "height")]
    resize = plan(seed_page(components=[{"name": "resize", "args": args}])).components[0]
    assert (resize["width"], resize["height"]) == (1024, 1024)
    assert {one.planned.source for one in resize.arguments} == {"cap"}


def test_an_absent_side_of_a_resize_is_the_trainings() -> None:
    args = [{"name": "width", "value": "256"}]
    found = plan(seed_page(height=640, components=[{"name": "resize", "args": args}]))
    assert (found.components[0]["width"], found.components[0]["height"]) == (256, 640)


@given(st.integers(1, 10**32), st.integers(1, 10**32), st.integers(1, 10**8))
def test_a_fitted_size_has_the_shape_and_at_most_so_many_pixels(width: int, height: int, pixels: int) -> None:
    narrow, low = fitted(width, height, pixels)
    assert narrow >= 1
    assert low >= 1
    assert narrow * low <= pixels
    if width * height <= pixels:
        assert (narrow, low) == (width, height)
    elif min(narrow, low) > 100:
        assert narrow / low == pytest.approx(width / height, rel=0.02)
        assert narrow * low > pixels * 0.97


# --- what they do


def planned(*parts: Any, width: int = 64, height: int = 64, caps: Caps | None = None) -> TrainPlan:
    """A plan with components: (name, {argument: value}) each."""
    members = [
        {"name": name, "args": [{"name": key, "value": value} for key, value in args.items()]}
        for name, args in parts
    ]
    return plan(seed_page(components=members, width=width, height=height), caps=caps)


def steps_of(picture: Image.Image, found: TrainPlan, **options: Any) -> list[ComponentRecord]:
    after, records = process(picture, 0, found, options.pop("caps", Caps()), **options)
    assert after.mode == "RGB"
    assert after.size == (found.width.effective, found.height.effective)
    assert [one.before for one in records[1:]] == [one.after for one in records[:-1]]
    return records


@pytest.fixture(scope="module")
def one_face() -> Image.Image:
    return with_faces((640, 480), (60, 40, 300))


def test_the_region_of_a_face_is_cut_out(one_face: Image.Image) -> None:
    record = steps_of(one_face, planned(("face_crop_region", {"ratio": "1.0"})))[0]
    assert record.applied
    left, upper, right, lower = record.box or (0, 0, 0, 0)
    assert right - left == lower - upper == record.after[0]
    assert 60 <= left < 200 < 220 < right <= 360, "the face is in it"
    assert 40 <= upper < 180 < 290 < lower <= 340
    assert "a face of" in record.note


@pytest.mark.parametrize("ratio", ["0.5", "1.25", "1.5"])
def test_the_ratio_is_that_of_the_region_to_the_face(one_face: Image.Image, ratio: str) -> None:
    one, other = (
        steps_of(one_face, planned(("face_crop_region", {"ratio": of})))[0].after[0] for of in ("1", ratio)
    )
    assert other / one == pytest.approx(float(ratio), rel=0.02)


def test_a_region_keeps_to_the_picture(one_face: Image.Image) -> None:
    record = steps_of(one_face, planned(("face_crop_region", {"ratio": "9" * 32})))[0]
    assert record.after == (480, 480)
    assert record.box is not None
    assert min(record.box) >= 0
    assert "the picture is not larger" in record.note


def test_of_two_faces_the_larger_one_is_taken() -> None:
    two = with_faces((640, 400), (10, 100, 140), (300, 50, 280))
    record = steps_of(two, planned(("face_crop_region", {"ratio": "1"})))[0]
    assert record.box is not None
    assert record.box[0] > 300


def test_a_face_in_a_large_picture_is_found_at_its_place() -> None:
    record = steps_of(with_faces((2560, 1920), (240, 160, 1200)), planned(("face_crop_region", {})))[0]
    left, upper, right, lower = record.box or (0, 0, 0, 0)
    assert 240 <= left < right <= 1440
    assert 160 <= upper < lower <= 1360
    assert right - left > 700


def test_without_a_face_the_centre_is_cut_out_and_that_is_said() -> None:
    record = steps_of(Image.new("RGB", (90, 50)), planned(("face_crop_region", {"ratio": "1.0"})))[0]
    assert (record.applied, record.box, record.after) == (True, (20, 0, 70, 50), (50, 50))
    assert "no face found" in record.note


def test_where_there_are_no_faces_none_are_looked_for(
    one_face: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "_detector", lambda: pytest.fail("the detector was asked"))
    record = steps_of(one_face, planned(("face_crop_region", {})), has_faces=False)[0]
    assert record.box == (80, 0, 560, 480)
    assert "no face looked for" in record.note


def test_without_opencv_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    components._detector.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(Untrainable) as caught:
        process(Image.new("RGB", (9, 9)), 0, planned(("face_crop_region", {})), Caps())
    assert caught.value.reason == "missing_extra"
    assert "pip install 'loracle[trainer-face]'" in caught.value.message


def test_a_resize_crops_around_the_centre() -> None:
    picture = Image.new("RGB", (100, 40), "red")
    picture.paste("blue", (15, 0, 85, 40))  # the filter looks a little beyond the edge
    found = planned(("resize", {"width": "16", "height": "16"}), width=16, height=16)
    after, records = process(picture, 0, found, Caps())
    assert [(one.component, one.applied) for one in records] == [("resize", True), (TRAINING_SIZE, False)]
    assert {colour for _, colour in after.getcolors() or []} == {(0, 0, 255)}


def test_what_is_no_resize_is_brought_to_the_size_of_the_training() -> None:
    record = steps_of(Image.new("RGB", (100, 40)), planned(width=32, height=48))[-1]
    assert (record.component, record.applied, record.after) == (TRAINING_SIZE, True, (32, 48))


def test_a_restoration_is_never_faked() -> None:
    picture = noise((20, 10))
    found = planned(("face_restore", {"method": "gfpgan_1.4", "upscale": "1.0"}), width=20, height=10)
    after, records = process(picture, 0, found, Caps())
    assert [one.applied for one in records] == [False, False, False]
    assert "no package ships the weights" in records[0].note
    assert after.tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("factor", "after", "note"),
    [("2", (40, 20), "no restoration"), ("0.01", (1, 1), "no restoration"), ("9" * 30, (11, 5), "at most")],
)
def test_an_upscale_is_a_resize(factor: str, after: tuple[int, int], note: str) -> None:
    caps = Caps() if note != "at most" else Caps(max_pixels=64)
    found = planned(("face_restore", {"upscale": factor}), width=8, height=8)
    record = steps_of(noise((20, 10)), found, caps=caps)[1]
    assert (record.applied, record.after) == (True, after)
    assert note in record.note


def test_components_follow_each_other_as_in_the_request() -> None:
    resize, restore = ("resize", {"width": "10", "height": "10"}), ("face_restore", {"upscale": "3"})
    forth = steps_of(noise((30, 30)), planned(resize, restore))
    back = steps_of(noise((30, 30)), planned(restore, resize))
    assert [one.after for one in forth] == [(10, 10), (10, 10), (30, 30), (64, 64)]
    assert [one.after for one in back] == [(30, 30), (90, 90), (10, 10), (64, 64)]


sizes = st.integers(1, 90)
decimals = st.floats(0.01, 1e6).map(lambda value: f"{value:.6f}")


@settings(max_examples=60, deadline=None)
@given(
    sizes, sizes, st.integers(1, 10**9), st.integers(1, 10**9), decimals, decimals, st.permutations(range(3))
)
def test_any_picture_survives_any_components(
    width: int, height: int, to_width: int, to_height: int, ratio: str, upscale: str, order: list[int]
) -> None:
    caps = Caps(max_pixels=5000)
    parts = (
        ("face_crop_region", {"ratio": ratio}),
        ("resize", {"width": str(to_width), "height": str(to_height)}),
        ("face_restore", {"upscale": upscale}),
    )
    found = planned(*(parts[index] for index in order), width=to_height, height=to_width, caps=caps)
    after, records = process(noise((width, height)), 0, found, caps)
    assert after.size == (found.width.effective, found.height.effective)
    assert all(w * h <= max(5000, width * height) for one in records for w, h in (one.before, one.after))
    again, _ = process(noise((width, height)), 0, found, caps)
    assert np.array_equal(np.asarray(again), np.asarray(after))
