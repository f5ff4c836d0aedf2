"""Test runs of their own, in which the pytest plugin is used."""

from __future__ import annotations

import textwrap

# Loaded once here, not anew by every run within: httpx, which imports httpcore when it is first used,
# would then not know its exceptions in the tests that come after.
import httpcore  # noqa: F401
import pytest

import loracle_mockserver.live
import loracle_mockserver.transport  # noqa: F401

__all__ = ["Run", "shown"]

CLIENT = """
import httpx

def create(mock, name="a", *, key=None, transport=None, path="/v3/training/subject", **members):
    body = {"name": name, "base_model": "b", "width": 512, "height": 512,
            "image_dataset_items": [{"assets_id": 26}], "components": [], **members}
    with httpx.Client(transport=transport, base_url=mock.url) as client:
        return client.post(path, json=body, headers={"Authorization": f"Bearer {key or mock.api_key}"})
"""


class Run:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        pytester.makepyfile(client=CLIENT)

    def __call__(self, text: str, *arguments: str, apart: bool = False) -> pytest.RunResult:
        """Runs a test file; `apart` in a process of its own, in which every warning is an error."""
        head = "import pytest\nfrom client import create\n"
        self.pytester.makepyfile(test_inner=head + textwrap.dedent(text))
        run = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        # What other plugins import takes longer than all that is tested here.
        others = ("cacheprovider", "randomly", "schemathesis", "hypothesispytest", "anyio")
        fixed = [f"-pno:{name}" for name in others]
        return run(*fixed, *(["-Werror"] if apart else []), *arguments)


def shown(result: pytest.RunResult) -> str:
    return result.stdout.str()
