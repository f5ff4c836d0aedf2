"""Watches how tasks move on, and judges what was seen: states move as documented, and end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from loracle_contracts.fuzzing.walk_record import Record
from loracle_contracts.fuzzing.walk_seen import Look, Made

__all__ = ["FINAL", "judge", "watch"]

FINAL = ("SUCCESS", "FAILED", "CANCELED")
_RANKS = {"QUEUING": 0, "TRAINING": 1, "SUCCESS": 2, "FAILED": 2, "CANCELED": 2}
# After the end a task is asked for so many times more: nothing may change then.
_AFTER_THE_END = 2
# So many equal answers, and it is time that moves the task on, not asking.
_STANDSTILL = 6
_QUIET = 12


async def watch(record: Record, task: Made, most: int) -> None:
    """Asks for the state until the end, at most `most` times; waits only as the options say."""
    pause = record.session.options.max_watch / most
    same = after = 0
    last = None
    for n in range(most):
        if n and pause:
            await record.session.client.sleep(pause)
        look = await record.state(task)
        if look is None:
            return
        shown = look.entry
        same = same + 1 if last == shown else 1
        last = shown
        has_ended = _rank(look) == 3 or shown.status in FINAL[1:]
        after += has_ended
        if after > _AFTER_THE_END or (same >= _STANDSTILL and not pause):
            return


def judge(record: Record) -> None:
    """Reports everything about the states of tasks that does not fit together."""
    for task in [*record.made, *record.existing]:
        states = list(record.states(task.id, is_listed=False))
        listed = list(record.states(task.id, is_listed=True))
        for looks in (states, listed):
            _judge_moves(record, looks)
        _judge_models(record, [*states, *listed])
        _judge_progress(record, states)
        _judge_agreement(record, states, listed)
    _judge_shared_models(record)
    reached = [task for task in record.made if any(_rank(look) == 3 for look in record.states(task.id))]
    if record.made and not reached:
        polls = max(len(list(record.states(task.id, is_listed=False))) for task in record.made)
        why = f"no task had a model that is SERVING within {polls} polls; allow time by --max-watch"
        record.skip("states up to the end, models", why)


def _rank(look: Look) -> int | None:
    """How far it is: 0 queuing, 1 training, 2 over, 3 with a model that serves; None where nobody knows."""
    entry = look.entry
    rank = _RANKS.get(entry.status or "")
    is_serving = bool(entry.models) and all(status == "SERVING" for _, status in entry.models or ())
    return 3 if rank == 2 and entry.status == "SUCCESS" and is_serving else rank


def _judge_moves(record: Record, looks: Sequence[Look]) -> None:
    known = [look for look in looks if _rank(look) is not None]
    for one, other in pairwise(known):
        was, became = str(one.entry.status), str(other.entry.status)
        shown = (one.exchange, other.exchange)
        if was in FINAL:
            if became != was:
                record.tell("state.forward", f"{was} is final", was, became, *shown)
                return
            models, later = dict(one.entry.models or ()), dict(other.entry.models or ())
            if any(name not in later for name in models):
                title = "the models of a task that is over stay"
                record.tell(
                    "walk.models.changed", title, ", ".join(models), ", ".join(later) or "none", *shown
                )
                return
            back = [
                name for name, state in models.items() if (state, later[name]) == ("SERVING", "DEPLOYING")
            ]
            if back:
                title = "a model moves from DEPLOYING to SERVING only"
                record.tell("walk.models.back", title, "SERVING", "DEPLOYING", *shown)
                return
        elif _RANKS[became] < _RANKS[was]:
            title = "a task moves forward only: QUEUING, TRAINING, end"
            record.tell("state.forward", title, f"{was} or later", became, *shown)
            return


def _judge_models(record: Record, looks: Sequence[Look]) -> None:
    for look in looks:
        status, models = look.entry.status, look.entry.models
        if models is None:
            continue
        if status == "SUCCESS" and not models:
            title = "a task that is SUCCESS has a model"
            record.tell("models.success", title, "one model or more", "none", look.exchange)
        elif status in _RANKS and status != "SUCCESS" and models:
            title = "only a task that is SUCCESS has models"
            record.tell("models.success", title, f"none while {status}", models[0][0], look.exchange)


def _judge_progress(record: Record, looks: Sequence[Look]) -> None:
    full: Look | None = None
    last: Look | None = None
    for look in looks:
        entry = look.entry
        if entry.status == "SUCCESS":
            if entry.progress is not None and entry.progress < 100:
                title, got = "progress_percent is 100 at the end", f"{entry.progress:g}"
                record.tell("walk.progress.end", title, "100", got, look.exchange)
            if entry.eta:
                title, got = "eta_relative is 0 at the end", f"{entry.eta:g}"
                record.tell("walk.eta.end", title, "0", got, look.exchange)
        if entry.status not in ("QUEUING", "TRAINING", "SUCCESS"):
            continue
        if entry.status != "SUCCESS" and entry.progress == 100:
            # The last moment of a training may be rounded to the end.
            if entry.status == "QUEUING" or entry.eta or full is not None:
                title = "progress_percent is 100 at the end only"
                record.tell("walk.progress.early", title, "less than 100", "100", look.exchange)
            full = look
        if last is not None:
            _judge_step(record, last, look)
        last = look


def _judge_step(record: Record, one: Look, other: Look) -> None:
    was, became = one.entry, other.entry
    shown = (one.exchange, other.exchange)
    if was.progress is not None and became.progress is not None and became.progress < was.progress:
        title, got = "progress_percent never falls", f"{became.progress:g}"
        record.tell("walk.progress.fell", title, f"{was.progress:g} or more", got, *shown)
    if became.status == "SUCCESS" or was.eta is None or became.eta is None:
        return
    if became.eta > was.eta + 1:
        title, got = "eta_relative falls as the task goes on", f"{became.eta:g}"
        record.tell("walk.eta.rose", title, f"{was.eta:g} or less", got, *shown)


def _judge_agreement(record: Record, states: Sequence[Look], listed: Sequence[Look]) -> None:
    """A list may lag by a step; of a task that is over for long it says what the state says."""
    for look in listed:
        rank = _rank(look)
        earlier = [one for one in states if one.tick < look.tick and _rank(one) is not None]
        later = [one for one in states if one.tick > look.tick and _rank(one) is not None]
        if rank is None:
            continue
        if earlier:
            one, least = earlier[-1], _rank(earlier[-1]) or 0
            is_old = least >= 2 and (least == 3 or one.entry.status != "SUCCESS")
            since = next(seen.tick for seen in earlier if _rank(seen) == least)
            if (
                rank < least - 1
                or _differ(one, look)
                or (is_old and look.tick - since > _QUIET and rank < least)
            ):
                _disagree(record, one, look)
                return
        if later and rank > (_rank(later[0]) or 0) + 1:
            _disagree(record, later[0], look)
            return
        if earlier and not _same_models(earlier[-1], look):
            title = "state and list name the same models"
            shown = (earlier[-1].exchange, look.exchange)
            expected, got = [", ".join(dict(one.entry.models or ())) for one in (earlier[-1], look)]
            record.tell("list.models", title, expected, got, *shown)
            return


def _differ(one: Look, other: Look) -> bool:
    return (
        one.entry.status in FINAL and other.entry.status in FINAL and one.entry.status != other.entry.status
    )


def _same_models(one: Look, other: Look) -> bool:
    if not one.entry.models or not other.entry.models:
        return True
    return set(dict(one.entry.models)) <= set(dict(other.entry.models))


def _disagree(record: Record, state: Look, listed: Look) -> None:
    title = "state and list agree on where a task stands"
    expected, got = [str(look.entry.status) + _model_states(look) for look in (state, listed)]
    record.tell("walk.agree.state", title, expected, got, state.exchange, listed.exchange)


def _model_states(look: Look) -> str:
    return "".join(f" ({status})" for _, status in look.entry.models or ())


def _judge_shared_models(record: Record) -> None:
    owners: dict[str, tuple[str, Look]] = {}
    for task in record.made:
        for look in record.states(task.id, is_listed=False):
            for name, _ in look.entry.models or ():
                owner, first = owners.setdefault(name, (task.id, look))
                if owner != task.id:
                    title, got = "every task has a model of its own", f"{name} of two tasks"
                    shown = (first.exchange, look.exchange)
                    record.tell("walk.models.shared", title, "one task", got, *shown)
                    return
