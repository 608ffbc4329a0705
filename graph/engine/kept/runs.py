"""Runs: made when they are due, claimed under a lease, beaten for, finished once.

    WAITING ──claim──▶ RUNNING ──finish──▶ DONE ──(incomplete, and wanted again)──▶ RUNNING …
                          │  └──abort──▶ ABORTED
                          └── its lease ends: claimed by another, at most MOST_ATTEMPTS times

A due moment of a report is one row and can never be two (`runs_once`). Whoever finishes must still
hold the lease that was claimed: `owner` and `attempts` name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from graph.engine.definition import Definition, Target
from graph.engine.kept.definitions import decoded, encoded
from graph.engine.kept.schema import deliveries, files, reports, runs
from graph.engine.tally import Fared
from graph.gather.keys import from_us, to_us

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 3
"""how often a run is begun whose process dies each time"""
LATE = timedelta(minutes=10)
"""a run that is due for longer was missed"""
RERUN_EVERY, RERUN_FOR = timedelta(minutes=10), timedelta(days=3)
"""how often, and until when, it is looked whether what a run misses is back, if its report wants"""
MOST_PASSES = 6
"""how often an incomplete file is made again"""
_AT_ONCE = 100


class KeptRun(NamedTuple):
    """A run as it is kept. `file` is None until there is one."""

    id: str
    report_id: str
    due_at: datetime
    definition: Definition
    state: str
    attempts: int
    passes: int
    owner: str | None
    started_at: datetime | None
    ended_at: datetime | None
    window: tuple[datetime, datetime] | None
    entries: int
    share: float
    complete: bool | None
    fared: list[Fared]
    reason: str | None


class KeptFile(NamedTuple):
    run: KeptRun
    name: str
    file_name: str
    stored_as: str
    size_bytes: int
    completed_at: datetime


# ---------------------------------------------------------------- due


def begin(
    connection: Connection, report_id: str, definition: Definition, due_at: datetime
) -> str | None:
    """The id of a new run; None where that moment has one already"""
    taken = connection.execute(
        select(runs.c.id).where(runs.c.report_id == report_id, runs.c.due_us == to_us(due_at))
    ).first()
    if taken is not None:
        return None
    id = uuid4().hex
    connection.execute(
        insert(runs).values(
            id=id, report_id=report_id, due_us=to_us(due_at), definition=encoded(definition),
            state="WAITING", not_before_us=to_us(due_at), attempts=0, passes=0, entries=0,
            share=0.0, fared="[]",
        )
    )  # fmt: skip
    return id


def make_due(connection: Connection, now: datetime, *, missed_once: bool) -> int:
    """Makes a run of every report that is due, and says how many reports were.

    Of several moments that were missed only the last one runs, if any (`missed_once`).
    """
    due = connection.execute(
        select(reports)
        .where(reports.c.next_due_us <= to_us(now))
        .order_by(reports.c.next_due_us)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        definition = decoded(row.definition)
        moment: datetime | None = from_us(row.next_due_us)
        last = moment
        while moment is not None and moment <= now:
            last, moment = moment, definition.next_due(moment)
        assert last is not None
        if missed_once or now - last <= LATE:
            begin(connection, row.id, definition, last)
        connection.execute(
            update(reports)
            .where(reports.c.id == row.id)
            .values(next_due_us=None if moment is None else to_us(moment))
        )
    return len(due)


# ---------------------------------------------------------------- leases


def claim(connection: Connection, owner: str, now: datetime) -> KeptRun | None:
    """A run that nobody is at, now this owner's; those that were begun too often are ABORTED"""
    us = to_us(now)
    free = or_(
        and_(runs.c.state == "WAITING", runs.c.not_before_us <= us),
        and_(runs.c.state == "RUNNING", runs.c.lease_until_us < us),
    )
    while True:
        row = connection.execute(
            select(runs)
            .where(free)
            .order_by(runs.c.not_before_us, runs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        if row.attempts >= MOST_ATTEMPTS:
            _give_up(connection, row.id, now, f"{MOST_ATTEMPTS} processes died at it")
            continue
        connection.execute(
            update(runs)
            .where(runs.c.id == row.id)
            .values(
                state="RUNNING", owner=owner, lease_until_us=to_us(now + LEASE),
                attempts=row.attempts + 1, started_us=us, ended_us=None, reason=None,
            )
        )  # fmt: skip
        return one(connection, row.id)


def _held(run: KeptRun) -> object:
    return and_(
        runs.c.id == run.id,
        runs.c.state == "RUNNING",
        runs.c.owner == run.owner,
        runs.c.attempts == run.attempts,
        runs.c.passes == run.passes,
    )


def beat(
    connection: Connection,
    run: KeptRun,
    now: datetime,
    entries: int,
    share: float,
    fared: Sequence[Fared],
) -> bool:
    """Holds the lease on, and tells of progress; False if it is somebody else's by now"""
    changed = connection.execute(
        update(runs)
        .where(_held(run))  # type: ignore[arg-type]
        .values(
            lease_until_us=to_us(now + LEASE), entries=entries, share=share,
            fared=msgspec.json.encode(fared).decode(),
        )
    )  # fmt: skip
    return changed.rowcount == 1


def hand_back(connection: Connection, run: KeptRun, now: datetime) -> None:
    """Gives up a run that a server which stops has not finished, for another to begin at once"""
    connection.execute(
        update(runs)
        .where(_held(run))  # type: ignore[arg-type]
        .values(
            state="WAITING", owner=None, lease_until_us=None, not_before_us=to_us(now),
            attempts=run.attempts - 1,
        )
    )  # fmt: skip


# ---------------------------------------------------------------- the end


def finish(
    connection: Connection,
    run: KeptRun,
    now: datetime,
    *,
    window: tuple[datetime, datetime],
    entries: int,
    complete: bool,
    fared: Sequence[Fared],
    name: str,
    file_name: str,
    stored_as: str,
    size_bytes: int,
) -> bool:
    """The run is DONE and its file is there; False, and nothing is changed, without the lease"""
    changed = connection.execute(
        update(runs)
        .where(_held(run))  # type: ignore[arg-type]
        .values(
            state="DONE", owner=None, lease_until_us=None, ended_us=to_us(now), share=1.0,
            since_us=to_us(window[0]), until_us=to_us(window[1]), entries=entries,
            complete=complete, fared=msgspec.json.encode(fared).decode(), reason=None,
        )
    )  # fmt: skip
    if changed.rowcount != 1:
        return False
    values = {"name": name, "file_name": file_name, "stored_as": stored_as,
              "size_bytes": size_bytes, "completed_us": to_us(now)}  # fmt: skip
    if connection.execute(update(files).where(files.c.id == run.id).values(values)).rowcount == 0:
        connection.execute(insert(files).values(id=run.id, **values))
    for place, target in enumerate(run.definition.targets):
        connection.execute(
            insert(deliveries).values(
                id=f"{run.id}-{run.passes}-{place}", run_id=run.id, target=_target(target),
                state="WAITING", attempts=0, not_before_us=to_us(now),
            )
        )  # fmt: skip
    if any(one.away for one in fared) and run.passes < MOST_PASSES:
        _again_later(connection, run, now, passes=run.passes + 1)
    return True


def abort(
    connection: Connection,
    run: KeptRun,
    now: datetime,
    reason: str,
    fared: Sequence[Fared],
    *,
    may_help: bool,
) -> bool:
    """The run is ABORTED, or DONE as it was where an earlier pass made a file.

    `may_help`: trying again may help, and is done if the report wants it.
    """
    told = run.fared if _has_file(connection, run.id) else fared
    if not beat(connection, run, now, run.entries, run.share, told):
        return False
    _give_up(connection, run.id, now, reason)
    if may_help:
        _again_later(connection, run, now, passes=max(1, run.passes))
    return True


def _has_file(connection: Connection, id: str) -> bool:
    return connection.execute(select(files.c.id).where(files.c.id == id)).first() is not None


def _give_up(connection: Connection, id: str, now: datetime, reason: str) -> None:
    connection.execute(
        update(runs)
        .where(runs.c.id == id)
        .values(
            state="DONE" if _has_file(connection, id) else "ABORTED", owner=None,
            lease_until_us=None, ended_us=to_us(now), reason=reason,
        )
    )  # fmt: skip


def end_all(connection: Connection, report_id: str, now: datetime) -> None:
    """Ends what has not ended of a report that is destroyed; whoever is at it loses the lease"""
    found = connection.execute(
        select(runs.c.id).where(
            runs.c.report_id == report_id, runs.c.state.in_(("WAITING", "RUNNING"))
        )
    )
    for row in found.all():
        _give_up(connection, row.id, now, "its report was destroyed")


def _again_later(connection: Connection, run: KeptRun, now: datetime, *, passes: int) -> None:
    if not run.definition.rerun_incomplete or now >= run.due_at + RERUN_FOR:
        return
    connection.execute(
        update(runs)
        .where(runs.c.id == run.id)
        .values(
            state="WAITING", not_before_us=to_us(now + RERUN_EVERY), attempts=0, passes=passes,
        )
    )  # fmt: skip


def _target(target: Target) -> str:
    return msgspec.json.encode(target).decode()


# ---------------------------------------------------------------- to be looked at


def one(connection: Connection, id: str) -> KeptRun | None:
    row = connection.execute(select(runs).where(runs.c.id == id)).first()
    return None if row is None else _kept(row)


def of_report(connection: Connection, report_id: str, most: int) -> list[KeptRun]:
    """The newest first"""
    found = connection.execute(
        select(runs).where(runs.c.report_id == report_id).order_by(runs.c.due_us.desc()).limit(most)
    )
    return [_kept(row) for row in found]


def latest(connection: Connection) -> dict[str, KeptRun]:
    """The newest run of every report that is still there, by the report's id"""
    newest = (
        select(runs.c.report_id, func.max(runs.c.due_us).label("due_us"))
        .where(runs.c.report_id.in_(select(reports.c.id)))
        .group_by(runs.c.report_id)
        .subquery()
    )
    found = connection.execute(
        select(runs).join(
            newest, and_(newest.c.report_id == runs.c.report_id, newest.c.due_us == runs.c.due_us)
        )
    )
    return {row.report_id: _kept(row) for row in found}


def kept_files(connection: Connection, *, report_id: str | None = None, id: str | None = None
               ) -> list[KeptFile]:  # fmt: skip
    """The files that are there, the newest first"""
    query = select(runs, files.c.name, files.c.file_name, files.c.stored_as, files.c.size_bytes,
                   files.c.completed_us).join(files, files.c.id == runs.c.id)  # fmt: skip
    if report_id is not None:
        query = query.where(runs.c.report_id == report_id)
    if id is not None:
        query = query.where(files.c.id == id)
    found = connection.execute(query.order_by(files.c.completed_us.desc(), files.c.id))
    return [
        KeptFile(_kept(row), row.name, row.file_name, row.stored_as, row.size_bytes,
                 from_us(row.completed_us))
        for row in found
    ]  # fmt: skip


def forget_file(connection: Connection, id: str) -> str | None:
    """Takes a file out of the index, and gives the name that it is stored by; None: none there"""
    row = connection.execute(select(files.c.stored_as).where(files.c.id == id)).first()
    if row is None:
        return None
    connection.execute(delete(files).where(files.c.id == id))
    connection.execute(
        update(deliveries)
        .where(deliveries.c.run_id == id, deliveries.c.state == "WAITING")
        .values(state="FAILED", reason="its file was cleared away first")
    )
    return str(row.stored_as)


def forget_before(connection: Connection, moment: datetime) -> int:
    """Takes out the runs that ended before and have no file, with their deliveries; how many"""
    old = select(runs.c.id).where(
        runs.c.state.in_(("DONE", "ABORTED")),
        runs.c.ended_us < to_us(moment),
        runs.c.id.not_in(select(files.c.id)),
    )
    connection.execute(delete(deliveries).where(deliveries.c.run_id.in_(old)))
    return connection.execute(delete(runs).where(runs.c.id.in_(old))).rowcount


def _kept(row: Row[tuple[object, ...]]) -> KeptRun:
    window = None if row.since_us is None else (from_us(row.since_us), from_us(row.until_us))
    return KeptRun(
        id=row.id,
        report_id=row.report_id,
        due_at=from_us(row.due_us),
        definition=decoded(row.definition),
        state=row.state,
        attempts=row.attempts,
        passes=row.passes,
        owner=row.owner,
        started_at=None if row.started_us is None else from_us(row.started_us),
        ended_at=None if row.ended_us is None else from_us(row.ended_us),
        window=window,
        entries=row.entries,
        share=row.share,
        complete=row.complete,
        fared=msgspec.json.decode(row.fared, type=list[Fared]),
        reason=row.reason,
    )
