"""Takes what is to be delivered, one at a time, to whoever is to be told."""

from __future__ import annotations

from graph.engine.definition import Mail
from graph.engine.deliver import mail, webhook
from graph.engine.deliver.message import Message, Undelivered
from graph.engine.kept import deliveries, runs
from graph.engine.kept.deliveries import KeptDelivery
from graph.engine.run import Making
from graph.gather import keys
from graph.observe import log


class Courier:
    """The deliveries that this process takes upon itself."""

    def __init__(self, making: Making, owner: str) -> None:
        self._making, self._owner = making, owner

    async def deliver_one(self) -> bool:
        """Delivers what has waited longest; False if nothing waits"""
        making = self._making
        delivery = await making.store.write(
            lambda connection: deliveries.claim(connection, self._owner, making.timer.now())
        )
        if delivery is None:
            return False
        try:
            await self._deliver(delivery)
        except Undelivered as why:
            reason, may_help = str(why), why.may_help
            log.warning("delivery %s: %s", delivery.id, reason)
            await making.store.write(
                lambda connection: deliveries.failed(
                    connection, delivery, making.timer.now(), reason, may_help=may_help
                )
            )
        else:
            await making.store.write(
                lambda connection: deliveries.done(connection, delivery, making.timer.now())
            )
        return True

    async def _deliver(self, delivery: KeptDelivery) -> None:
        message = await self._message(delivery)
        target, settings = delivery.target, self._making.settings()
        if isinstance(target, Mail):
            if settings.mail is None or not mail.allowed(target.to, settings.mail):
                raise Undelivered("this server sends no mail there (any more)", may_help=False)
            await mail.send(target.to, message, settings.mail, attach=target.attach)
            return
        if settings.webhooks is None:
            raise Undelivered("this server sends no webhooks (any more)", may_help=False)
        await webhook.send(target.url, message, settings.webhooks, self._making.timer.now())

    async def _message(self, delivery: KeptDelivery) -> Message:
        found = await self._making.store.read(
            lambda connection: runs.kept_files(connection, id=delivery.run_id)
        )
        if not found:
            raise Undelivered("its file is gone", may_help=False)
        (file,) = found
        run, definition = file.run, file.run.definition
        assert run.window is not None
        id = keys.write_id("completed", keys.GATEWAY, run.id, None)
        # A signed address would let in whoever reads the mail, and is good for minutes only.
        path = f"/reports/{id}/file"
        public = self._making.settings().public_url
        zone = definition.zone
        return Message(
            id=delivery.id,
            report_id=keys.write_id("report", keys.GATEWAY, run.report_id, None),
            run_id=run.id,
            name=file.name,
            type=definition.type,
            format=definition.format,
            since=run.window[0].astimezone(zone),
            until=run.window[1].astimezone(zone),
            time_zone=definition.time_zone,
            complete=bool(run.complete),
            missing=tuple(one.source for one in run.fared if not one.complete),
            entries=run.entries,
            file_name=file.file_name,
            size_bytes=file.size_bytes,
            path=self._making.files / file.stored_as,
            file_id=id,
            file_path=path,
            link=None if public is None else public.rstrip("/") + path,
            sign_in=self._making.server().asks_who,
        )
