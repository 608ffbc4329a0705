"""Who is told of a file is told at least once, under one id, and nobody else ever is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.caller import Caller
from graph.config import WebhookSettings
from graph.engine.deliver import webhook
from graph.engine.deliver.message import Message, Undelivered
from graph.privacy import Secret
from tests.access.asking import guarded
from tests.engine.asking import CREATE, content, create, created, look, ours, step
from tests.engine.receivers import hook, mailbox
from tests.server.test_live import until
from tests.support import NOW, product, run


def test_a_mail_brings_a_link_or_the_file_under_an_id_of_its_own(tmp_path: Path) -> None:
    async def work() -> None:
        with mailbox() as (box, mail):
            reports = {
                "folder": str(tmp_path), "mail": mail, "public_url": "https://calls.example.com/",
            }  # fmt: skip
            async with product("portsip", reports=reports) as api:
                id = await created(
                    api,
                    name="Yesterday\r\nBcc: thief@example.org",
                    email="boss@example.com",
                    deliver=[{"mail": {"to": "team@example.com", "attach": True}}],
                )
                await step(api)
                (done,) = (await look(api, id))["runs"]
                assert [d["state"] for d in done["deliveries"]] == ["DONE", "DONE"]
                link, attached = box.mails
                assert box.recipients == [["boss@example.com"], ["team@example.com"]]
                assert link["To"] == "boss@example.com"
                assert link["Bcc"] is None, "a name cannot add recipients"
                ids = [one["Message-ID"] for one in box.mails]
                assert ids == [f"<{d['id']}@example.com>" for d in done["deliveries"]]
                address = "https://calls.example.com" + done["file"]["fileUrl"]
                assert address in link.get_content()
                assert "complete: every phone system" in link.get_content()
                (file,) = attached.iter_attachments()
                assert file.get_filename() == done["file"]["fileName"]
                assert file.get_payload(decode=True) == await content(api, done["file"]["id"])

    run(work)


def test_what_is_refused_for_now_is_sent_again_with_the_same_id_and_what_is_refused_is_not(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        with mailbox() as (box, mail), hook() as (receiver, address, webhooks):
            reports = {"folder": str(tmp_path), "mail": mail, "webhooks": webhooks}
            async with product("portsip", count=5, reports=reports) as api:
                box.refusals = ["451 later", "550 no such person +4930123456"]
                receiver.statuses = [503, 302]
                deliver = [
                    {"mail": {"to": "a@example.com"}},
                    {"webhook": {"url": address}},
                ]
                id = await created(api, deliver=deliver)
                await step(api)
                assert await _told(api, id) == [("WAITING", 1), ("WAITING", 1)]
                await step(api)
                assert await _told(api, id) == [("WAITING", 1), ("WAITING", 1)]
                api.clock.advance(61)
                await step(api)
                assert await _told(api, id) == [("FAILED", 2), ("FAILED", 2)]
                (done,) = (await look(api, id))["runs"]
                assert "550" in done["deliveries"][0]["reason"]
                assert "30123456" not in done["deliveries"][0]["reason"]
                assert done["deliveries"][1]["reason"] == "the host answered 302"
                assert len(set(receiver.ids)) == 1
                assert receiver.taken == []

    run(work)


async def _told(api: Any, id: str) -> list[tuple[str, int]]:
    (done,) = (await look(api, id))["runs"]
    return [(one["state"], one["attempts"]) for one in done["deliveries"]]


def test_a_webhook_is_signed_and_says_where_the_file_is_and_how_complete(tmp_path: Path) -> None:
    async def work() -> None:
        with hook() as (receiver, address, webhooks):
            reports = {"folder": str(tmp_path), "webhooks": webhooks}
            async with product("portsip", "yeastar", count=30, reports=reports) as api:
                api.worlds["yeastar"].fault("status", status=500, times=0)
                id = await created(api, deliver=[{"webhook": {"url": address}}])
                await step(api)
                (told,) = receiver.taken
                (done,) = (await look(api, id))["runs"]
                assert told["id"] == receiver.ids[0] == done["deliveries"][0]["id"]
                assert told["report"]["id"] == id
                assert (told["complete"], told["missing"]) == (False, ["yeastar"])
                assert told["file"]["path"] == done["file"]["fileUrl"]
                assert told["file"]["url"] is None

    run(work)


@pytest.mark.parametrize(
    ("table", "target", "code"),
    [
        ("mail", {"mail": {"to": "boss@example.org"}}, "INVALID_ADDRESS"),
        ("mail", {"mail": {"to": "boss@example.com.thief.example"}}, "INVALID_ADDRESS"),
        ("mail", {"mail": {"to": "no address"}}, "INVALID_EMAIL"),
        ("webhooks", {"webhook": {"url": "https://thief.example/"}}, "INVALID_ADDRESS"),
        ("webhooks", {"webhook": {"url": "http://hooks.example.com/"}}, "INVALID_ADDRESS"),
        ("webhooks", {"webhook": {"url": "https://u:p@hooks.example.com/"}}, "INVALID_ADDRESS"),
        ("webhooks", {"webhook": {"url": "https://hooks.example.com@thief.example"}},
         "INVALID_ADDRESS"),
        ("webhooks", {"webhook": {"url": "file:///etc/passwd"}}, "INVALID_ADDRESS"),
    ],
)  # fmt: skip
def test_nobody_is_told_whom_the_settings_do_not_allow(
    tmp_path: Path, table: str, target: Mapping[str, Any], code: str
) -> None:
    tables: dict[str, Any] = {
        "mail": {"host": "127.0.0.1", "sender": "r@example.com", "domains": ["example.com"]},
        "webhooks": {"secret": "a secret of sixteen", "hosts": ["hooks.example.com"]},
    }

    async def work() -> None:
        reports = {"folder": str(tmp_path), table: tables[table]}
        async with product("portsip", count=1, reports=reports) as api:
            told = await create(api, deliver=[target])
            assert code in {error["code"] for error in told["userErrors"]}, told
            assert {error["field"].partition(".")[0] for error in told["userErrors"]} == {
                "deliver[0]"
            }

    run(work)


MESSAGE = Message(
    id="d", report_id="r", run_id="n", name="n", type="NORMAL", format="CSV",
    since=NOW - timedelta(days=1), until=NOW, time_zone="UTC", complete=True, missing=(),
    entries=1, file_name="f.csv", size_bytes=1, path=Path("f.csv"), file_id="f",
    file_path="/f", link=None, sign_in=False,
)  # fmt: skip


def test_an_allowed_name_that_leads_into_the_own_network_is_not_connected_to() -> None:
    # "localhost" is looked up like any other name; what it leads to is refused at the connection.
    settings = WebhookSettings(secret=Secret("x" * 16), hosts=("localhost", "127.0.0.1", "[::1]"))

    async def work() -> None:
        with hook() as (receiver, address, _):
            port = address.partition("//")[2].partition("/")[0].rpartition(":")[2]
            for host in ("localhost", "127.0.0.1"):
                url = f"https://{host}:{port}/x"
                with pytest.raises(Undelivered, match="no public address") as refused:
                    await webhook.send(url, MESSAGE, settings, NOW)
                assert not refused.value.may_help
            assert receiver.ids == []

    run(work)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True),
        ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::1", False), ("::", False), ("64:ff9b::0a00:0001", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert webhook.is_public(address) is public


def test_a_delivery_under_way_is_seen_through_when_the_server_stops(tmp_path: Path) -> None:
    async def work() -> None:
        with hook() as (receiver, address, webhooks):
            reports = {"folder": str(tmp_path), "webhooks": webhooks}
            async with product("portsip", count=5, reports=reports) as api:
                assert api.graph.reports is not None
                scheduler = api.graph.reports.scheduler
                id = await created(api, deliver=[{"webhook": {"url": address}}])
                receiver.open.clear()
                scheduler.start()
                await until(lambda: receiver.ids)
                stopping = asyncio.create_task(scheduler.close())
                await asyncio.wait({stopping}, timeout=0.05)
                assert not stopping.done()
                receiver.open.set()
                await stopping
                assert await _told(api, id) == [("DONE", 1)]
                assert len(receiver.taken) == 1

    run(work)


# ---------------------------------------------------------------- who sees what


def test_a_mailed_link_opens_for_whoever_has_a_right_to_the_file_and_for_nobody_else(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        with mailbox() as (box, mail):
            reports = {"folder": str(tmp_path / "own"), "mail": mail, "public_url": "http://api"}
            async with guarded(tmp_path, "portsip", "yeastar", count=5, reports=reports) as door:
                author = door.token("author")
                given = ours(email="boss@example.com")
                made = await door.good(CREATE, author, input=given)
                assert made["made"]["outcome"] == "DONE", made
                await step(door.api)
                (sent,) = box.mails
                text = sent.get_content()
                link = text[text.index("http://api/reports/") :].split()[0]
                assert "signed" not in link, "who reads a mail is nobody's caller"
                assert "Authorization: Bearer" in text

                async def status(token: str | None) -> int:
                    headers = {} if token is None else {"authorization": f"Bearer {token}"}
                    return (await door.http.get(link, headers=headers)).status_code

                assert await status(None) == 401
                assert await status(door.token("half", sources=["portsip"])) == 404
                assert await status(door.token("masked", scopes=["reports:read"])) == 404
                assert await status(door.token("caller", scopes=["records:read"])) == 403
                assert await status(door.token("colleague")) == 200
                shown = await door.good(text[text.index("{ completedCallReport") :], author)
                opened = await door.http.get(shown["completedCallReport"]["fileUrl"])
                assert opened.status_code == 200
                assert opened.content.startswith(b"started_at,")

    run(work)


def test_a_report_and_its_file_hold_what_its_author_may_see_and_exist_for_no_one_with_less(
    tmp_path: Path,
) -> None:
    scopes = frozenset({"reports:read", "reports:write", "records:read"})
    masked = Caller("masked", scopes, frozenset({"portsip"}))
    clear = Caller("clear", scopes | {"numbers:clear"}, frozenset({"portsip", "yeastar"}))
    other = Caller("other", scopes, frozenset({"yeastar"}))

    async def work() -> None:
        async with product("portsip", "yeastar", reports={"folder": str(tmp_path)}) as api:
            gateway = api.graph.reports
            assert gateway is not None

            async def seen(caller: Caller) -> set[str]:
                asker = api.graph.context(caller=caller).reading().asker
                files = {str(one.name) for one in await gateway.completed(asker)}
                assert files == {str(one.name) for one in await gateway.reports(asker)}
                return files

            for caller in (masked, clear):
                result = await api.graph.schema.execute(
                    CREATE,
                    variable_values={"input": ours(name=caller.name)},
                    context_value=api.graph.context(caller=caller),
                )
                assert result.errors is None, result.errors
            assert await step(api) == 2
            assert await seen(masked) == {"masked"}
            assert await seen(clear) == {"masked", "clear"}
            assert await seen(other) == set()
            listed = await api.good("{ completedCallReports { nodes { id name sources { id } } } }")
            files = {node["name"]: node for node in listed["completedCallReports"]["nodes"]}
            assert [one["id"] for one in files["masked"]["sources"]] == ["portsip"]
            numbers = {
                person.number.removeprefix("+")
                for call in api.worlds["portsip"].calls
                for person in (call.caller, call.callee)
                if len(person.number) > 6
            }
            plain = (await content(api, files["clear"]["id"])).decode()
            hidden = (await content(api, files["masked"]["id"])).decode()
            assert any(number in plain for number in numbers)
            assert not any(number in hidden for number in numbers)

    run(work)
