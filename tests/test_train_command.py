"""The command `loracle train`: what it trains, tells and leaves behind; exit codes; how it ends early."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checks import SEED_PAGE, clean, seed_page
from drawn_pictures import encoded, face, noise
from trained import run_train

from loracle_mockserver.trainer import artefact, training
from loracle_mockserver.trainer.artefact import read
from loracle_mockserver.trainer.plan import Untrainable
from loracle_mockserver.trainer.training import Outcome

COMMAND = (sys.executable, "-m", "loracle_mockserver", "train")
PATIENCE = 60.0
NAMES = ["adapter_config.json", "adapter_model.safetensors", "picture.png", "report.json"]
pytestmark = pytest.mark.usefixtures("files")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("seed.json").write_bytes(SEED_PAGE)
    Path("bad.json").write_text(json.dumps(seed_page(width="512")))
    Path("polynomial.json").write_text(json.dumps(changed(lr_scheduler="polynomial", learning_rate=1e-7)))
    Path("images").mkdir()
    Path("images/face.jpg").write_bytes(encoded(face(200), "JPEG"))
    Path("empty").mkdir()
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("mine")
    return tmp_path


def changed(**setting: Any) -> dict[str, Any]:
    return seed_page(expert_setting={**seed_page()["expert_setting"], **setting})


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ("seed.json --out out", 0, ""),
        ("seed.json --images images --out empty", 0, ""),
        ("seed.json --dry-run", 0, ""),
        ("seed.json --export peft", 0, ""),
        ("bad.json --out out --profile lenient", 0, ""),
        ("bad.json --out out", 1, ""),
        ("bad.json --dry-run", 1, ""),
        ("bad.json --export kohya", 1, ""),
        ("seed.json", 2, "--out names the folder"),
        ("--out out", 2, "Missing argument"),
        ("seed.json --out out --operation createUploadUrl", 2, "--operation"),
        ("seed.json --dry-run --export peft", 2, "does not go with"),
        ("seed.json --out out --max-steps 0", 2, "--max-steps"),
        ("none.json --out out", 3, "none.json cannot be read"),
        ("images --out out", 3, "images cannot be read"),
        ("seed.json --images empty --out out", 3, "image_count"),
        ("seed.json --images none --out out", 3, "images_unreadable"),
        ("seed.json --out mine", 3, "holds something else"),
        ("seed.json --out seed.json", 3, "is no folder"),
        ("seed.json --out seed.json/out", 3, "is no folder"),
        ("polynomial.json --out out", 3, "polynomial_rate_too_small"),
        ("polynomial.json --export diffusers", 3, "polynomial_rate_too_small"),
    ],
)
def test_the_exit_code_says_what_came_of_it(files: Path, arguments: str, code: int, told: str) -> None:
    result = run_train(*arguments.split())
    assert result.exit_code == code, result.output
    assert told in result.stderr
    assert "Traceback" not in result.output
    left = {path.name for path in files.iterdir()} - {"out"}
    assert left == {"seed.json", "bad.json", "polynomial.json", "images", "empty", "mine"}
    assert Path("out").exists() == (code == 0 and "--out out" in arguments)
    assert Path("mine/thesis.txt").read_text() == "mine"


def test_a_request_is_trained_on_the_pictures_of_a_folder() -> None:
    result = run_train("seed.json", "--images", "images", "--out", "out")
    assert "1 step on 1 image (folder)" in result.stdout
    assert "face_crop_region: a face of" in result.stdout
    assert "face_restore: not applied" in result.stdout
    assert "not Stable Diffusion" in result.stdout
    assert "step 1 of 1" in result.stderr
    assert "lint.few_images" in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == NAMES
    digest = json.loads(Path("out/report.json").read_bytes())["adapter"]["digest"]
    assert f"adapter {digest}" in result.stdout
    assert any(layer.B.any() for layer in read(Path("out")).layers.values()), "it was really trained"


def test_without_pictures_drawn_ones_are_used_and_that_is_said() -> None:
    result = run_train("seed.json", "--out", "out")
    assert "no --images" in result.stderr
    assert "(built-in avatars)" in result.stdout
    drawn = json.loads(Path("out/report.json").read_bytes())["adapter"]["digest"]
    run_train("seed.json", "--images", "images", "--out", "out")
    assert json.loads(Path("out/report.json").read_bytes())["adapter"]["digest"] != drawn


def test_the_same_request_gives_the_same_bytes() -> None:
    for out in ("one", "two"):
        assert run_train("seed.json", "--images", "images", "--out", out).exit_code == 0
    assert [Path("one", name).read_bytes() for name in NAMES] == [
        Path("two", name).read_bytes() for name in NAMES
    ]


def test_the_result_as_json() -> None:
    result = run_train("seed.json", "--out", "out", "--format", "json")
    found = json.loads(result.stdout)
    assert (found["out"], sorted(found["files"])) == ("out", NAMES)
    assert found["report"] == json.loads(Path("out/report.json").read_bytes())


def test_violations_are_reported_as_validate_does() -> None:
    result = run_train("bad.json", "--out", "out")
    assert "/width: expected an integer" in result.stdout
    assert "[width.type, stated: seed]" in result.stdout
    found = json.loads(run_train("bad.json", "--out", "out", "--format", "json").stdout)
    assert [one["rule"] for of in found["outcomes"] for one in of["violations"]] == ["width.type"]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b'{"a": 1, "a": 2}', "json.duplicate_key"),
        (b"", "json.empty"),
        (b"[" * 999, "json.depth"),
        (b"\xff", "json."),
    ],
)
def test_what_is_no_json_is_a_violation(body: bytes, rule: str) -> None:
    result = run_train("-", "--out", "out", stdin=body)
    assert result.exit_code == 1
    assert rule in result.stdout


def test_a_file_that_names_the_style_is_a_style_training() -> None:
    Path("my-style.json").write_text(json.dumps(clean()))
    assert run_train("my-style.json", "--dry-run").stdout.startswith("createStyleTraining")
    assert run_train("seed.json", "--dry-run").stdout.startswith("createSubjectTraining")
    chosen = run_train("seed.json", "--dry-run", "--operation", "createStyleTraining")
    assert chosen.stdout.startswith("createStyleTraining")


def test_a_dry_run_prints_the_plan_and_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("it trained"))
    lines = run_train("seed.json", "--dry-run", "--max-steps", "5").stdout.splitlines()
    rows = {line.split()[0]: re.split(r" {2,}", line) for line in lines[1:]}
    assert rows["value"] == ["value", "requested", "used", "source", "why"]
    assert rows["learning_rate"] == ["learning_rate", "0.0001", "0.0001", "request"]
    assert rows["lora_r"] == ["lora_r", "32", "default", "null: 32 is assumed"]
    found = json.loads(run_train("seed.json", "--dry-run", "--format", "json").stdout)
    assert found["plan"]["seed"] == {"requested": 2023, "effective": 2023, "source": "request", "note": ""}


def test_a_place_that_is_taken_is_told_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("it trained"))
    assert run_train("seed.json", "--out", "mine").exit_code == 3


def test_what_a_request_holds_cannot_break_the_table() -> None:
    Path("odd.json").write_text(json.dumps({**changed(instance_prompt="a\n\x1b[31mred"), "name": "x\r\ny"}))
    lines = run_train("odd.json", "--dry-run").stdout.splitlines()
    assert "\x1b" not in "".join(lines)
    assert len(lines) == len(run_train("seed.json", "--dry-run").stdout.splitlines())


def test_what_is_cut_is_said() -> None:
    Path("long.json").write_text(json.dumps(changed(max_train_steps=7, lr_warmup_steps=3)))
    result = run_train("long.json", "--out", "out", "--max-steps", "3")
    assert "max_train_steps: 7 requested, 3 used" in result.stderr
    assert "lr_warmup_steps: 3 requested (the scheduler constant has no warm-up)" in result.stderr
    assert "3 steps on 1 image" in result.stdout


def test_left_out_files_are_said() -> None:
    Path("images/face.txt").write_text("a caption")
    assert (
        "left out, no png, jpeg or webp: 1 in images"
        in run_train("seed.json", "--images", "images", "--out", "out").stderr
    )


def test_a_broken_picture_is_named() -> None:
    Path("images/face.jpg").write_bytes(encoded(noise((50, 50)), "JPEG")[:400])
    result = run_train("seed.json", "--images", "images", "--out", "out")
    assert result.exit_code == 3
    assert "face.jpg is damaged" in result.stderr
    assert "[/image_dataset_items/0]" in result.stderr


@pytest.mark.parametrize("module", ["numpy", "PIL", "safetensors"])
def test_a_missing_extra_is_told_with_its_install_line(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    result = run_train("seed.json", "--out", "out")
    assert result.exit_code == 3
    assert "pip install 'loracle[trainer]'" in result.stderr
    assert len(result.stderr.strip().splitlines()[-1:]) == 1


def test_the_plan_and_the_export_need_no_extra() -> None:
    blocked = "import sys\nfor m in ('numpy', 'PIL', 'safetensors', 'cv2'): sys.modules[m] = None\n"
    program = blocked + "from loracle_mockserver.cli import main; main()"
    for option in (["--dry-run"], ["--export", "peft"]):
        command = [sys.executable, "-c", program, "train", "seed.json", *option]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr


def test_the_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\nfrom loracle_mockserver.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'PIL', 'cv2', 'pydantic', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- early ends


def test_an_interrupt_while_it_trains_leaves_nothing(files: Path) -> None:
    Path("long.json").write_text(json.dumps(changed(max_train_steps=10**6)))
    command = [*COMMAND, "long.json", "--out", "out", "--max-steps", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "built-in drawings" in line:
                break
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert told.strip().splitlines()[-1] == "loracle: interrupted; nothing was written"
    assert "Traceback" not in told
    assert not {path.name for path in files.iterdir()} & {"out"}
    assert [path.name for path in files.iterdir() if path.name.startswith(".")] == []


def test_an_interrupt_while_it_writes_leaves_nothing(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def interrupted(path: Path, data: bytes) -> int:
        if path.name == artefact.PICTURE:
            raise KeyboardInterrupt
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    result = run_train("seed.json", "--out", "out")
    assert result.exit_code == 130
    assert not [path.name for path in files.iterdir() if "out" in path.name]


def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "seed.json", "--dry-run"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr


def test_a_training_that_diverges_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(*_: Any, **__: Any) -> Outcome:
        raise Untrainable("diverged", "The loss is no finite number.", "/expert_setting/learning_rate")

    monkeypatch.setattr(training, "train", diverges)
    result = run_train("seed.json", "--out", "out")
    assert result.exit_code == 3
    assert "diverged: The loss is no finite number." in result.stderr
    assert not Path("out").exists()
