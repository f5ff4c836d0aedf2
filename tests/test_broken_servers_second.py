"""The second unseen corpus: each broken server is broken in a way that a client sees."""

from __future__ import annotations

from collections import Counter

import pytest
from broken_servers_second import CASES, UNSEEN, Case
from witnessed import (
    check_names,
    check_that_a_client_sees_it,
    check_that_plain_use_still_works,
    check_that_the_verdict_is_wrong,
    names,
    verdicts,
)

_BY_NAME = pytest.mark.parametrize("case", CASES, ids=names(CASES))
_VERDICTS = pytest.mark.parametrize("case", verdicts(CASES), ids=names(verdicts(CASES)))


def test_corpus_is_whole() -> None:
    families = Counter(defect.family for defect in UNSEEN)
    assert set(families) == {"behaviour", "accepts-invalid", "rejects-valid"}
    assert min(families.values()) >= 20
    check_names(UNSEEN)


@_BY_NAME
def test_client_sees_the_defect(case: Case) -> None:
    check_that_a_client_sees_it(case)


@_VERDICTS
def test_verdict_is_the_wrong_one(case: Case) -> None:
    check_that_the_verdict_is_wrong(case)


@_VERDICTS
def test_plain_use_still_works(case: Case) -> None:
    check_that_plain_use_still_works(case)
