"""The creates of the walk, in the order of what they tell; each group is followed by reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from loracle_contracts.fuzzing.baseline import Baseline
from loracle_contracts.fuzzing.probe import Exchange
from loracle_contracts.fuzzing.walk_record import CREATES, Record
from loracle_contracts.fuzzing.walk_seen import Made

__all__ = ["Creates"]

_MAX_NAME = 255
_MAX_IMAGES = 50
_MAX_CAPTION = 1024
# Two spellings of one letter, another plane, quotes, markup, escapes, case.
_AWKWARD = 'MiXeD \u00c5 A\u030a \U0001f600 "it\'s" <b>&amp;</b> %41 \\n {0} '
_PADDED = "  two  blanks, a tab\t"
_NUMBER = "0012.50"
_NULL = "null"


class Creates:
    """Makes the tasks of the walk, as many as its share of the budget holds."""

    def __init__(self, record: Record, known: Baseline, share: int) -> None:
        self.record = record
        self.known = known
        self.left = share

    def body(self, kind: str, name: str | None = None, images: int = 2) -> dict[str, Any]:
        """A body that the server takes, with a name of its own unless one is given."""
        return self.known.body(CREATES[kind], name or self.record.session.task_name(), images)

    async def one(self, kind: str, body: dict[str, Any], title: str, *, is_new: bool = True) -> Made | None:
        """One task; None where the share is spent, or the server refused."""
        if not self.left:
            self.record.skip(f"a create: {title}", "the creates for the walk are spent")
            return None
        self.left -= 1
        return await self.record.create(kind, body, title, is_new=is_new)

    async def singly(self) -> AsyncIterator[Made]:
        """The first tasks, one after another."""
        first = self.known.created
        name = _AWKWARD + self.record.session.task_name()
        style = self.body("style", name)
        made = await self.one("style", style, "an awkward name")
        if made is not None:
            yield made
            again = await self.one("style", style, "the same style training again", is_new=False)
            if again is not None:
                yield again
        same = _sent(first) if first is not None else None
        if same is not None:
            made = await self.one("subject", same, "the same body again", is_new=False)
            if made is not None:
                yield made
        name = _PADDED + self.record.session.task_name() + " "
        made = await self.one("subject", self.body("subject", name), "a name with outer blanks")
        if made is not None:
            yield made
        if same is not None:
            body = self.body("style", same["name"])
            made = await self.one("style", body, "the name of a subject task for a style task", is_new=False)
            if made is not None:
                yield made

    async def together(self, most: int, *, is_same: bool) -> list[Made]:
        """Several tasks at the same time, with one name or with names of their own."""
        title = "creates in parallel with one name" if is_same else "creates in parallel"
        count = min(most, self.left)
        if count < 2:
            self.record.skip(title, "the creates for the walk are spent")
            return []
        self.left -= count
        name = self.record.session.task_name()
        bodies = [
            ("style" if n % 2 and not is_same else "subject", name if is_same else None) for n in range(count)
        ]
        made = await asyncio.gather(
            *(
                self.record.create(kind, self.body(kind, given), title, is_new=not is_same)
                for kind, given in bodies
            )
        )
        return [task for task in made if task is not None]

    async def specially(self, asset: str | int | None) -> AsyncIterator[Made]:
        """Large bodies, uploaded images, names that look like something else."""
        name = self.record.session.task_name()
        body = self.body("style", name + "x" * (_MAX_NAME - len(name) - 3) + "end", images=_MAX_IMAGES)
        for item in body["image_dataset_items"]:
            item["caption"] = ("a harbour in the morning, " * 50)[: _MAX_CAPTION - 1] + "."
        made = await self.one("style", body, "a body of 50 images with long captions")
        if made is not None:
            yield made
        for given, text in (
            (_NUMBER, "a name that looks like a number"),
            (_NULL, "a name that looks like null"),
        ):
            body, title = self.body("subject", given), text
            if asset is not None:
                # An integer comes back as text from clients that know ids as text.
                used = asset if given == _NUMBER else str(asset)
                body["image_dataset_items"] = [
                    {**item, "assets_id": used} for item in body["image_dataset_items"]
                ]
                title += ", of an uploaded image"
            made = await self.one("subject", body, title, is_new=False)
            if made is not None:
                yield made


def _sent(created: Exchange) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(created.probe.request.body)
    return value
