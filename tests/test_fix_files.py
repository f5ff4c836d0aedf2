"""`loracle validate --fix` on files: the diff comes first, what is refused, and no file is half written."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from checks import arguments, clean, fixed, run

from loracle_mockserver.exit_codes import COULD_NOT_RUN

# --- the command


def test_the_diff_comes_first_and_the_verdict_is_what_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps({**clean(), "width": "512", "height": 0}, indent=1))
    result = run("a.json", "--fix")
    assert result.exit_code == 1
    assert result.stdout.startswith("--- a/a.json\n+++ b/a.json\n@@ ")
    assert "width.type" not in result.stdout
    assert result.stdout.index("+++") < result.stdout.index("height.minimum")
    Path("a.json").write_text(json.dumps({**clean(), "width": "512"}))
    result = run("a.json", "--fix", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["counts"]["violations"] == 0
    assert "+++ b/a.json" in result.stderr


@pytest.mark.parametrize("layout", [{"indent": 1}, {"indent": None}, {"indent": 4, "sort_keys": True}])
@pytest.mark.parametrize("form", ["json", "jsonl", "yaml"])
def test_the_diff_is_one_that_patch_understands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: Any, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    setting = {**clean()["expert_setting"], "seed": "7", "learning_rate": "0.0002"}
    body = {**clean(), "width": "512", "expert_setting": setting, "components": arguments("512 ", " 9")}
    file = Path(f"a.{form}")
    if form == "jsonl":
        file.write_text(
            "\n".join([json.dumps(body), json.dumps(clean()), json.dumps(body), json.dumps(body)])
        )
    else:
        file.write_text(json.dumps(body, **layout))  # which is YAML, too
    original = file.read_bytes()
    diff = fixed(file)
    mended = file.read_bytes()
    assert diff != ""
    file.write_bytes(original)
    subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=diff.encode(), check=True, cwd=tmp_path)
    assert file.read_bytes() == mended


@pytest.mark.parametrize("name", ["a.json.gz", "a.har", "journal.json", "journal.jsonl"])
def test_what_cannot_be_mended_in_place_is_refused_where_it_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    body = {**clean(), "width": "512"}
    line = {"n": 1, "operation": "createSubjectTraining", "method": "POST", "lints": []}
    line |= {profile: {"valid": True, "violations": []} for profile in ("strict", "lenient")}
    posted = {
        "request": {
            "method": "POST",
            "url": "http://h/v3/training/subject",
            "postData": {"text": json.dumps(body)},
        }
    }
    file.write_bytes({
        "a.json.gz": gzip.compress(json.dumps(body).encode()),
        "a.har": json.dumps({"log": {"entries": [posted]}}).encode(),
        "journal.json": json.dumps({"total": 1, "requests": [line]}).encode(),
        "journal.jsonl": json.dumps(line, separators=(",", ":")).encode(),
    }[name])  # fmt: skip
    before = file.read_bytes()
    result = run(file, "--fix")
    assert result.exit_code == COULD_NOT_RUN
    assert "--fix does not change" in result.stdout
    assert "1 payload checked" in result.stdout
    # In a folder it is checked like the rest, without a word.
    result = run(tmp_path, "--fix")
    assert result.exit_code == (0 if "journal" in name else 1)
    assert file.read_bytes() == before


# --- writing


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**clean(), "width": "512"}))
    return file


def test_the_file_keeps_its_permissions_and_leaves_nothing_behind(broken: Path) -> None:
    broken.chmod(0o640)
    fixed(broken)
    assert stat.S_IMODE(broken.stat().st_mode) == 0o640
    assert list(broken.parent.iterdir()) == [broken]


def test_a_link_stays_a_link(broken: Path) -> None:
    link = broken.with_name("link.json")
    link.symlink_to(broken.name)
    fixed(link)
    assert link.is_symlink()
    assert '"width": 512' in broken.read_text()


@pytest.mark.parametrize("step", ["replace", "fsync", "fchmod"])
def test_a_failure_leaves_the_old_file(broken: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    before = broken.read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    result = run(broken, "--fix")
    assert result.exit_code == COULD_NOT_RUN
    assert "could not be fixed: no space left on device" in result.stdout
    assert "width.type" in result.stdout
    assert broken.read_bytes() == before
    assert list(broken.parent.iterdir()) == [broken]


def test_an_interrupt_leaves_the_old_file(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = broken.read_bytes()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    assert run(broken, "--fix").exit_code == 130
    assert broken.read_bytes() == before
    assert list(broken.parent.iterdir()) == [broken]


def test_a_file_that_somebody_else_changes_meanwhile_is_left(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_sync = os.fsync

    def meddle(descriptor: int) -> None:
        broken.write_text("{}")
        really_sync(descriptor)

    monkeypatch.setattr(os, "fsync", meddle)
    result = run(broken, "--fix")
    assert result.exit_code == COULD_NOT_RUN
    assert "changed by somebody else" in result.stdout
    assert broken.read_text() == "{}"


def test_a_file_that_may_not_be_written_to_is_left(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    result = run(broken, "--fix")
    assert result.exit_code == COULD_NOT_RUN
    assert "may not be written" in result.stdout


def test_long_lines_and_bad_bytes_between_are_copied(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    wrong = json.dumps({**clean(), "width": "512"}).encode()
    right = wrong.replace(b'"512"', b"512", 1)
    between = [b"x" * (9 * 1024 * 1024), b'{"name": "\xff"}', b"", b"\r", wrong[:50]]
    file.write_bytes(b"\n".join([wrong, *between, wrong]))
    fixed(file)
    assert file.read_bytes() == b"\n".join([right, *between, right])
