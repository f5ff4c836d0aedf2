"""What the marks of a test say of its mock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from loracle_mockserver.engine_options import check_names, check_profile, fault_plan, option_names

if TYPE_CHECKING:
    from loracle_mockserver.judging.in_pytest import JudgedTest

__all__ = ["MARK", "Options"]

MARK = "training_mock"
# The server of a test is shared with others, so these are not for a test to choose.
_OF_THE_SERVER = ("api_keys", "store")


class Options:
    """The options of all marks of a test; those nearer to the test win."""

    def __init__(self, request: pytest.FixtureRequest, judged: JudgedTest | None = None) -> None:
        """`judged` is the scenario of the test, where it has one."""
        self.judged = judged
        known = ["allow_violations", *(name for name in option_names() if name not in _OF_THE_SERVER)]
        said: dict[str, Any] = {}
        with self.errors():
            for mark in reversed(list(request.node.iter_markers(MARK))):
                if mark.args:
                    raise TypeError(
                        f"it takes options by name, such as faults='@flaky', not {mark.args[0]!r}"
                    )
                check_names(mark.kwargs, known, "it")
                said.update(mark.kwargs)
            self.allow_violations = said.pop("allow_violations", False)
            if type(self.allow_violations) is not bool:
                raise TypeError(f"allow_violations is True or False, not {self.allow_violations!r}")
            self.profile, self.seed = said.pop("profile", "strict"), said.pop("seed", 0)
            check_profile(self.profile, self.seed, "it")
            self.faults = fault_plan(said.pop("faults")) if "faults" in said else None
            if judged is not None:
                if self.faults is not None:
                    raise ValueError("a test that is run under scenarios cannot have faults of its own")
                self.faults = replace(judged.scenario.plan, settings=())
                said = {**dict(judged.scenario.plan.settings), **said}
        self.settings = said

    def for_engine(self) -> dict[str, Any]:
        """The options for a mock that is made for this test."""
        return {
            "profile": self.profile,
            "seed": self.seed,
            "begin_with": self.faults,
            "settings": self.settings,
        }

    @staticmethod
    @contextlib.contextmanager
    def errors() -> Iterator[None]:
        """Reports a mark that cannot be as a wrong use, without the traceback of the plugin."""
        try:
            yield
        except (TypeError, ValueError, OSError) as error:
            pytest.fail(f"usage error: @pytest.mark.{MARK}: {error}", pytrace=False)
