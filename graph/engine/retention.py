"""Old files go: by their age, and the oldest first where all together are too large. Later it is
forgotten that they ever were. What dead processes left goes, too.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from graph.engine.kept import runs
from graph.engine.run import Making
from graph.observe import event, log

_LEFT = timedelta(days=1)
"""what nobody has written to for so long, nobody is at"""


async def clear(making: Making) -> list[str]:
    """The ids of the files that were cleared away.

    The index forgets a file first: one that is told of is always there.
    """
    settings = making.settings()
    now = making.timer.now()
    oldest = now - timedelta(days=settings.retention_days)
    room = settings.retention_mb * 1_000_000
    doomed: list[str] = []
    files = await making.store.read(runs.kept_files)
    for file in files:
        room -= file.size_bytes
        if file.completed_at < oldest or room < 0:
            doomed.append(file.run.id)
    for id in doomed:
        await destroy(making, id)
    forgotten = now - timedelta(days=settings.history_days)
    await making.store.write(lambda connection: runs.forget_before(connection, forgotten))
    known = {file.stored_as for file in files}
    await asyncio.to_thread(_clear_leftovers, making, known, now - _LEFT)
    if doomed:
        event(log, "files of reports were cleared away", files=len(doomed))
    return doomed


async def destroy(making: Making, id: str) -> bool:
    """Destroys the file of a run; False if there was none"""
    stored_as = await making.store.write(lambda connection: runs.forget_file(connection, id))
    if stored_as is None:
        return False
    (making.files / stored_as).unlink(missing_ok=True)
    return True


def _clear_leftovers(making: Making, known: Collection[str], before: datetime) -> None:
    """Takes away files that no index tells of and spooled rows that nobody writes"""
    paths = [path for path in making.files.iterdir() if path.name not in known]
    for path in [*paths, *making.folder.glob("spool-*")]:
        try:
            if path.stat().st_mtime < before.timestamp():
                _take_away(path)
        except FileNotFoundError:
            continue  # another process was faster


def _take_away(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
