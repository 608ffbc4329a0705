"""Deliveries: claimed under a lease, tried until they succeed or there is no hope.

The id of a delivery never changes, so that whoever is told twice can know it: between the other
side's acceptance and our note of it a process may die, and then it is sent again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Row, and_, or_, select, update

from graph.engine.definition import Target
from graph.engine.kept.schema import deliveries
from graph.gather.keys import from_us, to_us

LEASE = timedelta(minutes=5)
TRY_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15),
                   timedelta(hours=1), timedelta(hours=4), timedelta(hours=12))  # fmt: skip


class KeptDelivery(NamedTuple):
    """`state` is WAITING, DONE or FAILED."""

    id: str
    run_id: str
    target: Target
    state: str
    attempts: int
    owner: str | None
    delivered_at: datetime | None
    reason: str | None


def claim(connection: Connection, owner: str, now: datetime) -> KeptDelivery | None:
    """A delivery that is due and that nobody is at, now this owner's"""
    us = to_us(now)
    row = connection.execute(
        select(deliveries)
        .where(
            deliveries.c.state == "WAITING",
            deliveries.c.not_before_us <= us,
            or_(deliveries.c.lease_until_us.is_(None), deliveries.c.lease_until_us < us),
        )
        .order_by(deliveries.c.not_before_us, deliveries.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(owner=owner, lease_until_us=to_us(now + LEASE), attempts=row.attempts + 1)
    )
    return _kept(connection.execute(select(deliveries).where(deliveries.c.id == row.id)).one())


def done(connection: Connection, delivery: KeptDelivery, now: datetime) -> None:
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery.id)
        .values(state="DONE", delivered_us=to_us(now), lease_until_us=None, reason=None)
    )


def failed(
    connection: Connection, delivery: KeptDelivery, now: datetime, reason: str, *, may_help: bool
) -> None:
    """Tried again later where that may help, until it has been tried often enough"""
    again = may_help and delivery.attempts <= len(TRY_AGAIN_AFTER)
    wait = TRY_AGAIN_AFTER[delivery.attempts - 1] if again else timedelta()
    connection.execute(
        update(deliveries)
        .where(
            and_(
                deliveries.c.id == delivery.id,
                deliveries.c.owner == delivery.owner,
                deliveries.c.attempts == delivery.attempts,
            )
        )
        .values(
            state="WAITING" if again else "FAILED", reason=reason, lease_until_us=None,
            not_before_us=to_us(now + wait),
        )
    )  # fmt: skip


def of_run(connection: Connection, run_id: str) -> list[KeptDelivery]:
    found = connection.execute(
        select(deliveries).where(deliveries.c.run_id == run_id).order_by(deliveries.c.id)
    )
    return [_kept(row) for row in found]


def _kept(row: Row[tuple[object, ...]]) -> KeptDelivery:
    return KeptDelivery(
        id=row.id,
        run_id=row.run_id,
        target=msgspec.json.decode(row.target, type=Target),
        state=row.state,
        attempts=row.attempts,
        owner=row.owner,
        delivered_at=None if row.delivered_us is None else from_us(row.delivered_us),
        reason=row.reason,
    )
