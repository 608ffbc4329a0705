"""Old files go: by their age, and the oldest first where all together are too large. Later it is
forgotten that they ever were.
"""

from __future__ import annotations

from datetime import timedelta

from graph.engine.kept import runs
from graph.engine.run import Making
from graph.observe import event, log


async def clear(making: Making) -> list[str]:
    """The ids of the files that were cleared away.

    The index forgets a file first: one that is told of is always there.
    """
    settings = making.settings()
    now = making.timer.now()
    oldest = now - timedelta(days=settings.retention_days)
    room = settings.retention_mb * 1_000_000
    doomed: list[str] = []
    for file in await making.store.read(runs.kept_files):
        room -= file.size_bytes
        if file.completed_at < oldest or room < 0:
            doomed.append(file.run.id)
    for id in doomed:
        await destroy(making, id)
    forgotten = now - timedelta(days=settings.history_days)
    await making.store.write(lambda connection: runs.forget_before(connection, forgotten))
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
