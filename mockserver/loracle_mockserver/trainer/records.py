"""The folder of a reference trainer: uploaded images, and what is known of each training, on the disk.

    lock                        held by the server that uses the folder
    uploads/NAMESPACE/ASSET     the bytes of an image
    runs/NAMESPACE/TASK/        run.json, and in adapter/ the artefact of a training that ended well

What stands here survives the server. A training whose run.json says `queued` while no server works on it was
lost with the server that did.
"""

from __future__ import annotations

import shutil
import sys
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

__all__ = ["FolderInUseError", "Record", "RunFolder"]

_RECORD = "run.json"
_MAX_UPLOADS = 10_000
_MAX_UPLOAD_BYTES = 1024**3


class FolderInUseError(OSError):
    """Another server works in the folder."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a training: `state` is queued, done, failed or canceled.

    `progress` is that of the end, in percent. `sha256` is that of the model's file, `digest` that of its
    weights. `notes` are what whoever asked for it should know.
    """

    state: str
    reason: str = ""
    message: str = ""
    progress: float = 0.0
    sha256: str = ""
    digest: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class RunFolder:
    """A folder that one server uses. Namespaces and task ids are names of folders: hexadecimal digits."""

    def __init__(self, place: Path, max_runs: int | None = None) -> None:
        """With `max_runs` the oldest trainings go where there are more, as their tasks do.

        Raises FolderInUseError for a folder in use, OSError for one that cannot be used.
        """
        self.place, self._max_runs = place, max_runs
        for name in ("uploads", "runs"):
            (place / name).mkdir(parents=True, exist_ok=True)
        self._lock = _locked(place / "lock")
        self._uploads: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._upload_bytes = 0
        for path in sorted(_files(place / "uploads", "*/*"), key=lambda path: path.stat().st_mtime_ns):
            self._count(path.parent.name, path.name, path.stat().st_size)
        found = sorted(_files(place / "runs", f"*/*/{_RECORD}"), key=lambda path: path.stat().st_mtime_ns)
        self._runs = OrderedDict.fromkeys((path.parts[-3], path.parts[-2]) for path in found)

    # --- uploads

    def keep_upload(self, namespace: str, asset: str, image: bytes) -> None:
        """Keeps an image; where there are too many, or too many bytes, the oldest goes."""
        path = self.place / "uploads" / namespace / asset
        path.parent.mkdir(exist_ok=True)
        _replace(path, image)
        self._count(namespace, asset, len(image))

    def _count(self, namespace: str, asset: str, size: int) -> None:
        self._upload_bytes += size - self._uploads.pop((namespace, asset), 0)
        self._uploads[namespace, asset] = size
        while len(self._uploads) > _MAX_UPLOADS or self._upload_bytes > _MAX_UPLOAD_BYTES:
            (owner, oldest), gone = self._uploads.popitem(last=False)
            self._upload_bytes -= gone
            (self.place / "uploads" / owner / oldest).unlink(missing_ok=True)

    def upload(self, namespace: str, asset: str) -> Path | None:
        """The file of an image, or None where none came under this id."""
        # The id is the client's text, and is not made a path before it is known.
        return self.place / "uploads" / namespace / asset if (namespace, asset) in self._uploads else None

    # --- trainings

    def run(self, namespace: str, task_id: str) -> Path:
        """The folder of a training."""
        return self.place / "runs" / namespace / task_id

    def adapter(self, namespace: str, task_id: str) -> Path:
        """Where the artefact of a training is written."""
        return self.run(namespace, task_id) / "adapter"

    def runs(self) -> list[tuple[str, str]]:
        """Namespace and task of every training that is kept, oldest first."""
        return list(self._runs)

    def begin(self, namespace: str, task_id: str, record: Record) -> None:
        """Makes the folder of a training anew, with its first record."""
        self.remove(namespace, task_id)
        self.run(namespace, task_id).mkdir(parents=True)
        self.write(namespace, task_id, record)
        self._runs[namespace, task_id] = None
        while self._max_runs is not None and len(self._runs) > self._max_runs:
            self.remove(*next(iter(self._runs)))

    def write(self, namespace: str, task_id: str, record: Record) -> None:
        """Replaces the record of a training that was begun; of one that is gone nothing is written."""
        folder = self.run(namespace, task_id)
        if folder.is_dir():
            _replace(folder / _RECORD, orjson.dumps(asdict(record)))

    def read(self, namespace: str, task_id: str) -> Record | None:
        """The record of a training; None where there is none, or none that can be read."""
        try:
            values = orjson.loads((self.run(namespace, task_id) / _RECORD).read_bytes())
            return Record(**{**values, "files": tuple(values["files"]), "notes": tuple(values["notes"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remove(self, namespace: str, task_id: str) -> None:
        """Removes what a training left, if anything."""
        self._runs.pop((namespace, task_id), None)
        shutil.rmtree(self.run(namespace, task_id), ignore_errors=True)

    def forget(self, namespace: str | None) -> None:
        """Removes everything of a namespace, or of all."""
        for name in ("uploads", "runs"):
            folder = self.place / name
            for gone in folder.iterdir() if namespace is None else [folder / namespace]:
                shutil.rmtree(gone, ignore_errors=True)
        for key in [key for key in self._uploads if namespace in (None, key[0])]:
            self._upload_bytes -= self._uploads.pop(key)
        for key in [key for key in self._runs if namespace in (None, key[0])]:
            del self._runs[key]

    def close(self) -> None:
        """Lets the folder go."""
        self._lock.close()


def _files(folder: Path, pattern: str) -> list[Path]:
    return [path for path in folder.glob(pattern) if path.is_file()]


def _replace(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old or the new content, and never a part."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)


def _locked(path: Path) -> IO[bytes]:
    """The file, open and locked until it is closed or the process ends. Raises FolderInUseError."""
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - only there

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FolderInUseError(None, f"{path.parent} is used by another mock") from None
    return file
