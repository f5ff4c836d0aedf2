"""What is shipped, and that it works once it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "loracle_contracts": ROOT / "contracts" / "loracle_contracts",
    "loracle_mockserver": ROOT / "mockserver" / "loracle_mockserver",
}
MAX_PACKAGES = 30
MAX_BYTES = 75 * 2**20  # on the disk, as du counts


def _environment() -> dict[str, str]:
    """This process's environment, without what would lead another interpreter back to this one."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build(what: str, out: Path) -> Path:
    _run(sys.executable, "-m", "build", what, "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.iterdir()
    return built


# --- the wheel and the source distribution


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the wheel by name."""
    with zipfile.ZipFile(_build("--wheel", tmp_path_factory.mktemp("wheel"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files of the source distribution, without its top folder."""
    with tarfile.open(_build("--sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def _metadata(wheel: dict[str, bytes], name: str) -> bytes:
    (found,) = (content for path, content in wheel.items() if path.endswith(f".dist-info/{name}"))
    return found


def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel: dict[str, bytes]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    (info,) = tops - set(PACKAGES)
    assert info.startswith("loracle-")
    assert info.endswith(".dist-info")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_a_package_as_it_is_in_the_tree(
    wheel: dict[str, bytes], package: str
) -> None:
    home = PACKAGES[package]
    tree = {
        f"{package}/{path.relative_to(home).as_posix()}": path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {name: content for name, content in wheel.items() if name.startswith(f"{package}/")}
    assert shipped.keys() == tree.keys()
    assert [name for name in tree if shipped[name] != tree[name]] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_says_that_it_is_typed(wheel: dict[str, bytes], package: str) -> None:
    assert f"{package}/py.typed" in wheel


def test_the_wheel_holds_the_derived_documents(wheel: dict[str, bytes]) -> None:
    documents = {name.rpartition("/")[2] for name in wheel if name.startswith("loracle_contracts/_spec/")}
    profiles = ("strict", "lenient", "seed")
    assert {f"openapi-{profile}.json" for profile in profiles} <= documents
    assert {f"validation-{profile}.json" for profile in profiles} <= documents
    assert {"examples.json", "rules.json", "openapi-strict.json"} <= documents


def test_the_wheel_installs_the_command(wheel: dict[str, bytes]) -> None:
    points = ConfigParser()
    points.read_string(_metadata(wheel, "entry_points.txt").decode())
    assert dict(points["console_scripts"]) == {"loracle": "loracle_mockserver.cli:run"}


def test_the_wheel_needs_no_compiler_and_names_no_address(wheel: dict[str, bytes]) -> None:
    assert message_from_bytes(_metadata(wheel, "WHEEL")).get_all("Tag") == ["py3-none-any"]
    required = message_from_bytes(_metadata(wheel, "METADATA")).get_all("Requires-Dist", [])
    assert [line for line in required if "@" in line or "://" in line] == []


def test_the_source_distribution_holds_what_a_build_needs(sdist: set[str]) -> None:
    needed = {"pyproject.toml", "README.md", "LICENSE", "openapi/openapi.yaml", "openapi/generate.py"}
    assert needed <= sdist


def test_the_source_distribution_holds_the_same_packages(sdist: set[str], wheel: dict[str, bytes]) -> None:
    in_sdist = {
        name.partition("/")[2]
        for name in sdist
        if name.startswith(("contracts/", "mockserver/")) and "." in name.rpartition("/")[2]
    }
    assert {name for name in in_sdist if not name.startswith(tuple(PACKAGES))} == set()
    assert {name for name in wheel if ".dist-info/" not in name} <= in_sdist


# --- three ways to install


# Runs in the new environment, away from the tree; `-I` keeps the working directory off its path.
PROBE = """
import importlib.metadata, json, pathlib, sys, sysconfig
import loracle_contracts, loracle_mockserver
from loracle_contracts import spec, validate
from loracle_mockserver.engine import Engine
from loracle_mockserver.message import Request

body = spec.example("valid/createSubjectTraining/request/seed-page.json")
headers = [(b"authorization", b"Bearer key"), (b"content-type", b"application/json")]
reply = Engine().handle(Request("POST", "/v3/training/subject", headers=headers, body=body))
site = pathlib.Path(sysconfig.get_path("purelib"))
tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
names = {d.name.lower() for d in importlib.metadata.distributions(path=[str(site)])} - {"pip", "setuptools"}
print(json.dumps({
    "valid": validate(body).valid,
    "status": reply.status,
    "answer": json.loads(reply.body),
    "homes": [loracle_contracts.__file__, loracle_mockserver.__file__],
    "site": str(site),
    "packages": sorted(names),
    "bytes": sum(
        file.stat().st_blocks * 512
        for top in site.iterdir() if not top.name.startswith(tools)
        for file in ([top] if top.is_file() else top.rglob("*")) if file.is_file()
    ),
}))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree without what git ignores, so that an installation can leave its traces there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = tmp_path / "tree" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    return tmp_path / "tree"


def _new_environment(home: Path) -> Path:
    """The folder with the commands of a new virtual environment."""
    _run(sys.executable, "-m", "venv", home, cwd=home.parent)
    return home / "bin"


def _pip_install(tree: Path) -> Path:
    commands = _new_environment(tree.parent / "plain")
    _run(commands / "python", "-m", "pip", "install", "-q", ".", cwd=tree)
    return commands


def _pip_install_editable(tree: Path) -> Path:
    commands = _new_environment(tree.parent / "editable")
    _run(commands / "python", "-m", "pip", "install", "-q", "-e", ".", cwd=tree)
    return commands


def _uv_sync(tree: Path) -> Path:
    tools = _new_environment(tree.parent / "tools")
    _run(tools / "python", "-m", "pip", "install", "-q", "uv", cwd=tree)
    _run(tools / "uv", "sync", "--quiet", "--no-python-downloads", "--python", sys.executable, cwd=tree)
    return tree / ".venv" / "bin"


@pytest.mark.long
@pytest.mark.parametrize("install", [_pip_install, _pip_install_editable, _uv_sync])
def test_an_installation_works(install: Any, copy: Path, tmp_path: Path) -> None:
    commands = install(copy)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    version = _run(commands / "loracle", "--version", cwd=elsewhere)
    assert version.startswith("loracle, version ")
    seen = json.loads(_run(commands / "python", "-I", "-c", PROBE, cwd=elsewhere))
    assert seen["valid"] is True
    assert seen["status"] == 200
    assert set(seen["answer"]) == {"task_id"}
    home = seen["site"] if install is _pip_install else str(copy)
    assert [path for path in seen["homes"] if not path.startswith(home)] == []
    assert len(seen["packages"]) <= MAX_PACKAGES, seen["packages"]
    assert seen["bytes"] <= MAX_BYTES
