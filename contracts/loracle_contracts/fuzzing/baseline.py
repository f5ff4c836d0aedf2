"""What a create needs so that the server takes it; found out once, before the first valid create.

A server may know only its own assets and base models, which is no defect; and one that refuses a plain valid
create cannot be asked for more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from loracle_contracts.answers import reason_of
from loracle_contracts.fuzzing.probe import Exchange, Failure, Probe
from loracle_contracts.fuzzing.template import UNKNOWN_ASSETS, example_body, known_base_models, plain_body
from loracle_contracts.fuzzing.upload import upload_image
from loracle_contracts.oracle import OF_THE_ACCOUNT, Expectation, Refusal

if TYPE_CHECKING:
    from loracle_contracts.fuzzing.session import Session

__all__ = ["Baseline", "baseline"]

LAYER = "baseline"
_OPERATION = "createSubjectTraining"
_INTEGER_ASSETS = (26, 100_024)
_UNKNOWN_MODEL = "BASE_MODEL_NOT_ALLOWD"
_NAME_EXISTS = "TASK_NAME_EXISTED"


@dataclass(frozen=True)
class Baseline:
    """What is known of the server's creates.

    `asset_ids` and `base_model` are taken. `takes_any_asset` says that ids nobody handed out are taken,
    `takes_any_model` that nothing is known against it. `is_plain` says that a body with the required
    members alone is taken, else it must look like the example of the documents. `created` is the create
    that was accepted. `problem` says why no create can be sent, or is None.
    """

    asset_ids: tuple[str | int, ...]
    base_model: str
    takes_any_asset: bool = True
    takes_any_model: bool = True
    is_plain: bool = True
    created: Exchange | None = None
    problem: str | None = None

    def body(self, operation: str, name: str, images: int = 2) -> dict[str, Any]:
        """A new body of a cheap create that the server takes, free to be changed."""
        make = plain_body if self.is_plain else example_body
        return make(operation, name, self.base_model, self.asset_ids, images)


async def baseline(session: Session) -> Baseline:
    """The session's baseline; the first call finds it out, by one create where all is well.

    Where the budget holds no create, or the server takes none, its `problem` says so.
    """
    if session.baseline is None:
        session.baseline = await _find(session)
    return session.baseline


async def _find(session: Session) -> Baseline:
    options = session.options
    known = Baseline(
        options.asset_ids or UNKNOWN_ASSETS,
        options.base_model or known_base_models()[0],
        takes_any_asset=not options.asset_ids,
        takes_any_model=options.base_model is None,
    )
    if not session.budget.left:
        return replace(known, problem="it starts a training; allow some by --max-creates")
    known, found = await _try_models(session, known, "a plain create")
    if _is_final(found):
        return _concluded(known, found)
    own = known
    if not options.asset_ids:
        own = await _with_uploads(session, known)
        if own is not known:
            own, found = await _try_models(session, own, "a plain create with uploaded images")
            if _is_final(found):
                return _concluded(own, found)
        integers, found = await _try_models(
            session, replace(known, asset_ids=_INTEGER_ASSETS), "a plain create with integer asset ids"
        )
        if _is_final(found):
            if found is not None and found.is_accepted:
                # Now it is known that the refusal was wrong, and of what.
                await _try(session, known, "a plain create", "assets_id.type")
            return _concluded(integers, found)
    # What it refuses may be something that the plain body leaves out.
    example, found = await _try_models(session, replace(own, is_plain=False), "the documented example")
    refused = await _try(session, own, "a plain create", _OPERATION)
    if refused is not None and refused.is_accepted:
        return _concluded(own, refused)
    if _is_final(found):
        return _concluded(example, found)
    return replace(own, problem="the server refuses a plain valid create")


async def _with_uploads(session: Session, known: Baseline) -> Baseline:
    assets = [await upload_image(session, LAYER) for _ in range(2)]
    uploaded = tuple(asset for asset in assets if asset is not None)
    return replace(known, asset_ids=uploaded, takes_any_asset=False) if uploaded else known


async def _try_models(session: Session, known: Baseline, title: str) -> tuple[Baseline, Exchange | None]:
    """Sends the body, with one known base model after another while the server refuses those."""
    found = await _try(session, known, title)
    if session.options.base_model is not None:
        return known, found
    for model in known_base_models():
        if _reason(found) != _UNKNOWN_MODEL:
            break
        if model != known.base_model:
            known = replace(known, base_model=model, takes_any_model=False)
            found = await _try(session, known, f"{title}, with the base model {model}")
    return known, found


async def _try(session: Session, known: Baseline, title: str, subject: str | None = None) -> Exchange | None:
    """Sends the body; what a server may say of images it does not know is a finding only with a subject."""
    found = None
    for n in range(2):
        name = session.task_name(again=n > 0)
        request = session.request(_OPERATION, known.body(_OPERATION, name))
        expectation = session.oracle.expect(request)
        demand = None if subject is not None else _patient(expectation)
        found = await session.send(Probe(LAYER, title, request, subject or _OPERATION, demand))
        if _reason(found) != _NAME_EXISTS:
            break
    return found


def _patient(expectation: Expectation) -> Expectation:
    """Tolerates every documented 400, which is how servers refuse what they do not know."""
    operation = expectation.operation
    reasons = operation.errors.get("400", []) if operation is not None else []
    return replace(
        expectation, tolerated=(*expectation.tolerated, *(Refusal(400, reason) for reason in reasons))
    )


def _concluded(known: Baseline, found: Exchange | None) -> Baseline:
    if found is None:
        return replace(known, problem="the budget of trainings is spent")
    if found.is_accepted:
        return replace(known, created=found)
    if isinstance(found.outcome, Failure):
        return replace(known, problem=f"a plain valid create got no answer ({found.outcome.text})")
    if _reason(found) == _UNKNOWN_MODEL:
        why = "the server refuses every base model that is known; name one of its own by --base-model"
        return replace(known, problem=why)
    said = f"{found.outcome.status} {_reason(found) or 'without a reason'}"
    return replace(known, problem=f"the server starts no training at the moment, or for this key: {said}")


def _is_final(found: Exchange | None) -> bool:
    """Whether other assets or other members cannot change the answer."""
    if found is None or isinstance(found.outcome, Failure) or found.is_accepted:
        return True
    reason = _reason(found)
    return found.outcome.status in (429, 503, 504) or reason == _UNKNOWN_MODEL or reason in OF_THE_ACCOUNT


def _reason(found: Exchange | None) -> str | None:
    return reason_of(found.answer) if found is not None and found.answer is not None else None
