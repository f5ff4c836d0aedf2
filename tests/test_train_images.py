"""The pictures of a training: folders and uploads, broken files, the average that the engine trains on."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checks import seed_page
from drawn_pictures import encoded, noise, quarters
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from loracle_mockserver.trainer.images import (
    INPUT,
    TrainingImages,
    area_average,
    built_in,
    from_bytes,
    from_folder,
)
from loracle_mockserver.trainer.plan import Caps, TrainPlan, Untrainable, plan


def planned(count: int = 1, size: int = 32, caps: Caps | None = None) -> TrainPlan:
    items = [{"assets_id": n, "caption": f"view {n}"} for n in range(count)]
    body = seed_page(image_dataset_items=items, components=[], width=size, height=size)
    return plan(body, caps=caps)


def refused(*uploads: bytes, caps: Caps | None = None) -> Untrainable:
    with pytest.raises(Untrainable) as caught:
        from_bytes(uploads, planned(len(uploads)), caps)
    assert caught.value.message.endswith(".")
    return caught.value


def colours(images: TrainingImages, index: int = 0) -> list[tuple[int, ...]]:
    """The corners: upper left and right, lower left and right."""
    pixels = np.rint((images.pixels[index] + 1) * 127.5).astype(int)
    return [tuple(pixels[y, x].tolist()) for y in (0, 7) for x in (0, 7)]


RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


# --- folders


def write(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for number, colour in enumerate(("red", "green", "blue"), 1):
        (tmp_path / f"v{number * number}.png").write_bytes(encoded(Image.new("RGB", (9, 9), colour)))
    (tmp_path / "v16.JPG").write_bytes(encoded(Image.new("RGB", (9, 9), "white"), "JPEG"))
    found = from_folder(tmp_path, planned(4))
    assert [colours(found, index)[0] for index in range(4)] == [RED, GREEN, BLUE, WHITE]
    assert (found.source, found.captions) == ("folder", ("view 0", "view 1", "view 2", "view 3"))
    assert found.pixels.shape == (4, 8, 8, 3)


def test_files_that_are_no_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "dir.png").mkdir()
    write(tmp_path, a_png=encoded(quarters()), a_txt=b"a caption", _hidden_png=b"", b_heic=b"x")
    assert from_folder(tmp_path, planned()).ignored == ("a.txt", "b.heic", "dir.png", "more")


@pytest.mark.parametrize(("count", "told"), [(1, "1 item"), (3, "3 items")])
def test_more_or_fewer_pictures_than_items_are_told(tmp_path: Path, count: int, told: str) -> None:
    write(tmp_path, a_png=encoded(quarters()), b_png=encoded(quarters()))
    with pytest.raises(Untrainable, match=f"holds 2 pictures .*{told}") as caught:
        from_folder(tmp_path, planned(count))
    assert (caught.value.reason, caught.value.pointer) == ("image_count", "/image_dataset_items")


def test_a_cap_leaves_out_the_last_pictures_of_a_folder(tmp_path: Path) -> None:
    caps = Caps(max_images=1)
    write(tmp_path, a_png=encoded(quarters()), b_png=b"broken, and never read")
    assert len(from_folder(tmp_path, planned(2, caps=caps), caps).pixels) == 1


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(Untrainable, match="cannot be read") as caught:
            from_folder(place, planned())
        assert caught.value.reason == "images_unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, a_png=encoded(quarters()))
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(Untrainable, match="cannot be read"):
        from_folder(tmp_path, planned())


def test_a_broken_file_is_named_with_its_item(tmp_path: Path) -> None:
    write(tmp_path, a_png=encoded(quarters()), b_png=encoded(quarters())[:-30])
    with pytest.raises(Untrainable, match=r"b\.png is damaged") as caught:
        from_folder(tmp_path, planned(2))
    assert caught.value.pointer == "/image_dataset_items/1"


# --- uploads


@pytest.mark.parametrize(
    ("form", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})]
)
def test_the_three_formats_are_read(form: str, options: dict[str, Any]) -> None:
    found = from_bytes([encoded(quarters(), form, **options)], planned())
    assert np.abs(np.array(colours(found)) - [RED, GREEN, BLUE, WHITE]).max() <= 6
    assert found.records[0].component == INPUT
    assert found.records[0].note.startswith(form)


# Orientation -> where the corners of the stored picture are shown (EXIF 2.3, tag 274).
TURNS = {
    1: [RED, GREEN, BLUE, WHITE],
    2: [GREEN, RED, WHITE, BLUE],
    3: [WHITE, BLUE, GREEN, RED],
    4: [BLUE, WHITE, RED, GREEN],
    5: [RED, BLUE, GREEN, WHITE],
    6: [BLUE, RED, WHITE, GREEN],
    7: [WHITE, GREEN, BLUE, RED],
    8: [GREEN, WHITE, RED, BLUE],
}


@pytest.mark.parametrize("turn", TURNS)
def test_pictures_are_turned_upright(turn: int) -> None:
    exif = Image.Exif()
    exif[274] = turn
    found = from_bytes([encoded(quarters(), "PNG", exif=exif)], planned())
    assert colours(found) == TURNS[turn]
    assert ("turned upright" in found.records[0].note) == (turn != 1)


def test_transparency_is_shown_on_white_and_said() -> None:
    found = from_bytes([encoded(Image.new("RGBA", (9, 9), (255, 0, 0, 0)))], planned())
    assert set(colours(found)) == {WHITE}
    assert "transparency" in found.records[0].note


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_of_a_png_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        values = np.array([[0x8000]], dtype=np.uint16)
        picture, grey = Image.fromarray(values), (128, 128, 128)
    else:
        picture, grey = Image.new("RGB", (9, 9), "white").convert(mode), WHITE
    found = from_bytes([encoded(picture)], planned())
    assert set(colours(found)) == {grey}


def test_of_several_frames_the_first_is_taken_and_said() -> None:
    data = encoded(quarters(), "WEBP", lossless=True, save_all=True, append_images=[noise((40, 40))])
    found = from_bytes([data], planned())
    assert colours(found) == [RED, GREEN, BLUE, WHITE]
    assert "the first of several frames" in found.records[0].note


@pytest.mark.parametrize(("uploads", "items"), [(1, 2), (3, 2), (0, 1)])
def test_uploads_are_as_many_as_items(uploads: int, items: int) -> None:
    with pytest.raises(Untrainable) as caught:
        from_bytes([encoded(quarters())] * uploads, planned(items))
    assert caught.value.reason == "image_count"


# --- what is no picture


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8000, 12_000, 60_000, 2**31 - 1])
def test_a_decompression_bomb_is_not_decoded(side: int) -> None:
    found = refused(png(side, side, chunk(b"IDAT", zlib.compress(bytes(100)))))
    assert found.reason == "image_too_large"
    assert "50000000 pixels" in found.message


def test_a_bomb_in_the_texts_of_a_picture_is_no_picture() -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(40_000_000), 9))
    assert refused(png(8, 8, text, chunk(b"IDAT", zlib.compress(bytes(200))))).reason == "image_unreadable"


def test_a_file_larger_than_an_upload_may_be_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(30 * 2**20 + 1)
    with pytest.raises(Untrainable, match="more than 30 MiB"):
        from_folder(tmp_path, planned())


GIF = encoded(quarters(), "GIF")


@pytest.mark.parametrize("data", [b"", b"\0", b"./photo.jpg", b"<html>", GIF, encoded(quarters(), "BMP")])
def test_what_is_no_picture_is_told(data: bytes) -> None:
    found = refused(data)
    assert found.reason == "image_unreadable"
    assert "no png, jpeg or webp" in found.message


FILES = [encoded(noise((24, 24)), form) for form in ("PNG", "JPEG", "WEBP")]


@pytest.mark.parametrize("data", FILES, ids=["png", "jpeg", "webp"])
def test_a_truncated_picture_is_told(data: bytes) -> None:
    for end in (12, len(data) // 2, len(data) - 40):
        assert refused(data[:end]).reason == "image_unreadable"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=4)), max_size=8),
)
def test_broken_bytes_are_a_picture_or_a_reason(data: bytes, changes: list[tuple[int, bytes]]) -> None:
    broken = bytearray(data)
    for place, new in changes:
        broken[place : place + len(new)] = new
    try:
        found = from_bytes([bytes(broken)], planned(), Caps(max_input_pixels=10_000))
    except Untrainable as error:
        reason = error.reason
    else:
        reason = "image_unreadable" if not np.isfinite(found.pixels).all() else "read"
        assert reason == "read"
    assert reason in ("read", "image_unreadable", "image_too_large")


# --- the average


def exactly(picture: Image.Image) -> np.ndarray[Any, Any]:
    """The average by enlarging each pixel eightfold, so that every part holds whole pixels."""
    values = np.asarray(picture).repeat(8, axis=0).repeat(8, axis=1).astype(np.float64)
    height, width = picture.height, picture.width
    return values.reshape(8, height, 8, width, 3).mean(axis=(1, 3)) / 127.5 - 1


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 99))
def test_the_average_is_that_of_the_area(width: int, height: int, seed: int) -> None:
    picture = noise((width, height), seed)
    assert area_average(picture) == pytest.approx(exactly(picture), abs=1e-12)


def test_large_pictures_are_let_go() -> None:
    found = from_bytes([encoded(noise((700, 300)))], planned(size=600))
    assert found.processed[0].size == (128, 128)


# --- the built-in ones


def test_the_built_in_avatars_are_said_and_follow_the_seed() -> None:
    found, again = built_in(planned(3)), built_in(planned(3))
    assert found.source == "built-in avatars"
    assert np.array_equal(found.pixels, again.pixels)
    assert not np.array_equal(found.pixels[0], found.pixels[1])
    assert np.abs(found.pixels).max() <= 1.0


def test_a_record_is_json() -> None:
    record = from_bytes([encoded(quarters())], planned()).records[0].as_dict()
    assert record == {
        "image": 0,
        "component": "input",
        "applied": True,
        "note": "PNG, 40 x 40",
        "before": [40, 40],
        "after": [40, 40],
        "box": None,
    }
