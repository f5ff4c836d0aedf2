"""Rules of the house that no linter knows: addresses, sizes, names and who imports whom."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "loracle_contracts": ROOT / "contracts" / "loracle_contracts",
    "loracle_mockserver": ROOT / "mockserver" / "loracle_mockserver",
}
HTTP_FRAMEWORKS = {"fastapi", "starlette", "uvicorn", "httpx"}
SANS_IO = (
    "engine.py",
    "handlers.py",
    "tasks.py",
    "clock.py",
    "faults.py",
    "journal.py",
    "message.py",
    "store/",
)
MAX_LINES = 400
MAX_PUBLIC_NAMES = 20

# Put together here, so that this file holds none of what it forbids.
_HOSTS = [
    r"\.".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "(?:org|com)"),
        ("yarnpkg", "com"),
        ("proxy", "golang", "org"),
    )
]
ADDRESS = re.compile(r"(?<![\w-])(?:" + "|".join(_HOSTS) + r")\b", re.IGNORECASE)
LOCAL_PATH = re.compile(r"(?:(?<![\w./-])|file://)/(?:root|home|work|Users|tmp/w)/")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@cache
def _committed() -> dict[str, str]:
    """Every committed text file by its path."""
    texts = {}
    for name in filter(None, _git("ls-files", "-z").split("\0")):
        path = ROOT / name
        if path.is_file():
            try:
                texts[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return texts


def _places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in _committed().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


# --- what must not be committed


def test_no_file_holds_the_address_of_a_package_registry() -> None:
    assert _places(ADDRESS) == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert _places(LOCAL_PATH) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (ADDRESS, "see https://files." + "pythonhosted" + ".org/packages/x.whl"),
        (ADDRESS, '"resolved": "https://registry.' + "npmjs" + '.org/x"'),
        (ADDRESS, "https://" + "pypi" + ".org/simple"),
        (LOCAL_PATH, "in '/" + "home/someone/project'"),
        (LOCAL_PATH, "file:///" + "root/x"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


@pytest.mark.parametrize("text", ["https://example.com/home/page", "docs/work/index", "pypi-organisation"])
def test_the_patterns_leave_other_text_alone(text: str) -> None:
    assert not ADDRESS.search(text)
    assert not LOCAL_PATH.search(text)


@pytest.mark.parametrize("name", ["uv.lock", "package-lock.json"])
def test_lock_files_that_record_addresses_are_ignored(name: str) -> None:
    assert _git("check-ignore", "--no-index", name).strip() == name


# --- size and names


def _is_derived(name: str) -> bool:
    folders = ("contracts/loracle_contracts/_spec/", "schemas/")
    return name.startswith(folders) or name.endswith("/_models.py") or name == "constraints.txt"


def _written_by_hand(text: str) -> str:
    return re.sub(r"<!-- derived: .*?<!-- end of what is derived -->", "", text, flags=re.DOTALL)


def test_no_file_is_long() -> None:
    long = {
        name: lines
        for name, text in _committed().items()
        if not _is_derived(name) and (lines := len(_written_by_hand(text).splitlines())) > MAX_LINES
    }
    assert long == {}


def test_no_module_is_named_for_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
    found = [
        name
        for name in _committed()
        if empty & {part.removesuffix(".py") for part in PurePosixPath(name).parts}
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_few_and_can_be_imported(package: str) -> None:
    module = importlib.import_module(package)
    assert hasattr(module, "__all__"), "the package says what is public"
    assert len(module.__all__) == len(set(module.__all__)) <= MAX_PUBLIC_NAMES
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


# --- who imports whom


def _imports(source: str) -> set[str]:
    """The top-level names of all modules that a source imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found}


def _package_imports(package: str) -> dict[str, set[str]]:
    home = PACKAGES[package]
    return {
        path.relative_to(home).as_posix(): _imports(path.read_text(encoding="utf-8"))
        for path in sorted(home.rglob("*.py"))
    }


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
import os.path
from fastapi.responses import Response
def later():
    if True:
        import uvicorn as server
from . import sibling
"""
    assert _imports(source) == {"os", "fastapi", "uvicorn"}


def test_the_schema_package_knows_no_server() -> None:
    forbidden = {"loracle_mockserver", "fastapi", "starlette", "uvicorn"}
    found = {
        name: wrong
        for name, used in _package_imports("loracle_contracts").items()
        if (wrong := used & forbidden)
    }
    assert found == {}


def test_the_heart_of_the_mock_knows_no_http_framework() -> None:
    modules = {
        name: used
        for name, used in _package_imports("loracle_mockserver").items()
        if name.startswith(SANS_IO)
    }
    assert {part for part in SANS_IO if not any(name.startswith(part) for name in modules)} == set()
    assert {name: wrong for name, used in modules.items() if (wrong := used & HTTP_FRAMEWORKS)} == {}


def test_the_packages_import_nothing_of_the_contracts_tools() -> None:
    tools = {path.stem for path in (ROOT / "openapi").glob("*.py")}
    found = {
        f"{package}/{name}": wrong
        for package in PACKAGES
        for name, used in _package_imports(package).items()
        if (wrong := used & tools)
    }
    assert found == {}


def _loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running the code."""
    report = "\nimport json, sys\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stderr)}


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import loracle_contracts", {"pydantic", "fastapi", "jsonschema_rs", "orjson", "yaml"}),
        ("import loracle_mockserver.engine", {"pydantic", *HTTP_FRAMEWORKS}),
        (
            "from loracle_mockserver.cli import main\nmain(['--help'], standalone_mode=False)",
            {"pydantic", "jsonschema_rs", "yaml", *HTTP_FRAMEWORKS},
        ),
    ],
)
def test_what_is_heavy_is_loaded_late(code: str, forbidden: set[str]) -> None:
    assert _loaded_after(code) & forbidden == set()


# --- the README's two commands


@pytest.mark.parametrize("name", ["serve", "test"])
def test_the_readme_has_each_command_as_one_line(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(
        rf"^<!-- command: {name} -->\n+```\w*\n(.*?)^```$", readme, flags=re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 1
    assert len(blocks[0].strip().splitlines()) == 1
    shown = subprocess.run(
        ["bash", ROOT / ".ci" / "run", "--command", name], check=True, capture_output=True, text=True
    )
    assert shown.stdout == blocks[0], "CI runs what the README says"


def test_no_file_is_left_over_from_an_edit() -> None:
    assert not [
        name for name in _git("ls-files").splitlines() if name.endswith((".orig", ".rej", ".bak", "~"))
    ]
