"""Definitions of reports, and the idempotency keys under which they were created."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from graph.engine.definition import Definition
from graph.engine.kept.schema import idempotency, reports
from graph.gather.keys import from_us, to_us

KEYS_KEPT = timedelta(hours=24)


class KeptReport(NamedTuple):
    id: str
    definition: Definition
    next_due_at: datetime | None


class Keyed(NamedTuple):
    """What is known of an idempotency key. `meant` is a hash of the input it came with."""

    meant: str
    report_id: str
    kept_until: datetime


def encoded(definition: Definition) -> str:
    return msgspec.json.encode(definition).decode()


def decoded(text: str) -> Definition:
    return msgspec.json.decode(text, type=Definition)


def meaning(definition: Definition) -> str:
    return hashlib.sha256(encoded(definition).encode()).hexdigest()


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(reports)).scalar_one()


def create(connection: Connection, id: str, definition: Definition, now: datetime) -> None:
    due = definition.next_due(now)
    connection.execute(
        insert(reports).values(
            id=id,
            definition=encoded(definition),
            created_us=to_us(now),
            updated_us=to_us(now),
            next_due_us=None if due is None else to_us(due),
        )
    )


def change(connection: Connection, id: str, definition: Definition, now: datetime) -> bool:
    """Whether there was such a report"""
    due = definition.next_due(now)
    changed = connection.execute(
        update(reports)
        .where(reports.c.id == id)
        .values(
            definition=encoded(definition),
            updated_us=to_us(now),
            next_due_us=None if due is None else to_us(due),
        )
    )
    return changed.rowcount == 1


def destroy(connection: Connection, id: str) -> bool:
    return connection.execute(delete(reports).where(reports.c.id == id)).rowcount == 1


def one(connection: Connection, id: str, *, to_change: bool = False) -> KeptReport | None:
    query = select(reports).where(reports.c.id == id)
    row = connection.execute(query.with_for_update() if to_change else query).first()
    return None if row is None else _kept(row)


def every(connection: Connection) -> list[KeptReport]:
    return [_kept(row) for row in connection.execute(select(reports).order_by(reports.c.id))]


def _kept(row: Row[tuple[object, ...]]) -> KeptReport:
    due = row.next_due_us
    return KeptReport(row.id, decoded(row.definition), None if due is None else from_us(due))


# ---------------------------------------------------------------- idempotency keys


def keyed(connection: Connection, caller: str, key: str, now: datetime) -> Keyed | None:
    """The key of a caller, unless it is too old; old ones go"""
    connection.execute(delete(idempotency).where(idempotency.c.kept_until_us <= to_us(now)))
    row = connection.execute(
        select(idempotency).where(idempotency.c.caller == caller, idempotency.c.key == key)
    ).first()
    return None if row is None else Keyed(row.meant, row.report_id, from_us(row.kept_until_us))


def keep_key(
    connection: Connection, caller: str, key: str, meant: str, report_id: str, now: datetime
) -> Keyed:
    until = now + KEYS_KEPT
    connection.execute(
        insert(idempotency).values(
            caller=caller, key=key, meant=meant, report_id=report_id, kept_until_us=to_us(until)
        )
    )
    return Keyed(meant, report_id, until)
