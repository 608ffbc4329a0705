"""Whatever carries the bytes, a vendor is asked in the same words and its answers mean the same."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import (
    ConfigError,
    SourceError,
    SourceMalformed,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from graph.sources.contract import Kind, Reply, Request
from graph.transport.aiohttp import AiohttpTransport
from graph.transport.http import HttpxTransport, Transport, target
from graph.transport.open import carrier as production
from tests.support import run
from tests.transport.listening import CARRIERS, Listener, listening, reply, results

Carrier = Callable[..., Transport]
each_carrier = pytest.mark.parametrize("carrier", CARRIERS)

ASK = Request("GET", "/")
WRITE = Request("POST", "/", body=b"{}", kind=Kind.WRITE)
TEXT = b'{"calls": []}' * 400
MUCH = b"0" * 900_000


def raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


def test_in_production_the_faster_one_carries() -> None:
    assert production() is AiohttpTransport


@pytest.mark.parametrize(
    "request_",
    [
        ASK,
        Request("GET", "/a b/é?x=1", (("filter", "at ge '2026-03-01T00:00:00Z' & b/é+1"),)),
        Request("GET", "/kept%20as%2Fit~is;v=1", (("access_token", "a=b&c"),)),
        Request("POST", "/hub/cdr/", headers=(("content-type", "application/json"),), body=b"{}"),
        Request("POST", "/empty", headers=(("authorization", "Bearer x"),)),
        WRITE,
    ],
)
def test_all_carriers_ask_in_the_same_words(request_: Request) -> None:
    said = []
    for carrier in CARRIERS:
        listener = Listener(reply())
        results(carrier, listener, request_)
        first, *rest = listener.heard[0][1].lower().split(b"\r\n")
        said.append((first, sorted(line for line in rest if line[:5] != b"host:" and line)))
    # Keeping the connection is what HTTP/1.1 does anyhow; httpx says so all the same.
    plain = [(first, [x for x in rest if x != b"connection: keep-alive"]) for first, rest in said]
    assert plain[0] == plain[1]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1).map(tuple))
def test_parameters_are_written_as_those_of_a_form(params: tuple[tuple[str, str], ...]) -> None:
    address = target("http://here", Request("GET", "/", params))
    assert address == "http://here/?" + urlencode(params)


@each_carrier
@pytest.mark.parametrize(
    "bad",
    [
        Request("GET", "/" + "x" * 70_000),
        Request("GET", "/", (("filter", "\ud800"),)),
        Request("GET", "/", headers=(("authorization", "Bearer ü"),)),
        Request("GET", "/", headers=(("authorization", "Bearer x\r\nx-more: y"),)),
    ],
)
def test_what_http_cannot_carry_is_refused_and_not_sent(carrier: Carrier, bad: Request) -> None:
    listener = Listener(reply())
    (error,) = results(carrier, listener, bad)
    assert isinstance(error, SourceRejected)
    assert not listener.heard


@each_carrier
def test_a_redirect_is_told_and_not_followed(carrier: Carrier) -> None:
    listener = Listener(reply(b"", "Location: /else", status="302 Found"))
    (found,) = results(carrier, listener, ASK)
    assert found.status == 302
    assert found.headers["location"] == "/else"
    assert len(listener.heard) == 1


@each_carrier
def test_a_cookie_is_not_sent_back(carrier: Carrier) -> None:
    listener = Listener(reply(b"ok", "Set-Cookie: a=1; Path=/"))
    results(carrier, listener, ASK, ASK)
    assert all(b"\r\ncookie:" not in head.lower() for _, head in listener.heard)


@each_carrier
def test_headers_that_come_twice_are_one_list_and_long_ones_come_whole(carrier: Carrier) -> None:
    listener = Listener(reply(b"", "X-A: 1", "x-a: 2", f"x-long: {'y' * 30_000}"))
    (found,) = results(carrier, listener, ASK)
    assert found.headers["x-a"] == "1, 2"
    assert len(found.headers["x-long"]) == 30_000


@each_carrier
def test_reads_share_a_connection_and_a_write_has_its_own(carrier: Carrier) -> None:
    listener = Listener(reply())
    results(carrier, listener, ASK, ASK, WRITE, WRITE, ASK)
    assert [own for own, _ in listener.heard] == [1, 1, 2, 3, 1]
    closing = [b"connection: close" in head.lower() for _, head in listener.heard]
    assert closing == [False, False, True, True, False]


@each_carrier
@pytest.mark.parametrize(
    ("said", "close", "outcome"),
    [
        (b"", True, SourceUnavailable),
        (b"HTTP/1.1 200 OK\r\ncontent-le", True, SourceUnavailable),
        (reply()[:-1], True, SourceMalformed),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", True, SourceMalformed),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", True, SourceMalformed),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", True, b"until the end"),
        (reply(), True, b"ok"),
    ],
    ids=["mute", "in the head", "in the body", "in a chunk", "no HTTP", "as the end", "whole"],
)
def test_what_a_closed_connection_means(
    carrier: Carrier, said: bytes, close: bool, outcome: object
) -> None:
    listener = Listener(said, reply(), close=close)
    first, second = results(carrier, listener, ASK, ASK)
    assert (first.body if isinstance(first, Reply) else type(first)) == outcome
    assert second.body == b"ok"
    assert len(listener.heard) == 2, "nothing is sent again"


@each_carrier
@pytest.mark.parametrize("request_", [ASK, WRITE])
def test_where_nobody_listens_nothing_was_sent(carrier: Carrier, request_: Request) -> None:
    async def work() -> None:
        async with listening(Listener(reply())) as listener:
            address = listener.address
        transport = carrier(address)
        with pytest.raises(SourceUnavailable) as caught:
            await transport.send(request_, timeout=30, max_bytes=100)
        assert not caught.value.sent
        assert "127.0.0.1" not in str(caught.value)
        await transport.close()

    run(work)


async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
    await asyncio.Event().wait()


async def mute(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@each_carrier
@pytest.mark.parametrize("talk", [silent, mute])
def test_an_answer_that_does_not_come_is_a_time_out_of_what_was_sent(
    carrier: Carrier, talk: Any
) -> None:
    (error,) = results(carrier, Listener(talk=talk), ASK, timeout=0.5)
    assert isinstance(error, SourceTimeout)
    assert error.sent


@each_carrier
def test_who_gets_no_connection_of_a_full_pool_has_sent_nothing(carrier: Carrier) -> None:
    async def work() -> None:
        async with listening(Listener(talk=mute)) as listener:
            transport = carrier(listener.address, max_connections=1)
            first = asyncio.ensure_future(transport.send(ASK, timeout=30, max_bytes=100))
            await listener.asked.wait()
            with pytest.raises(SourceTimeout) as caught:
                await transport.send(ASK, timeout=0.05, max_bytes=100)
            assert not caught.value.sent
            assert len(listener.heard) == 1
            first.cancel()
            await asyncio.wait([first])
            await transport.close()

    run(work)


@each_carrier
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "X-Gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
        (TEXT, "identity"),
    ],
    ids=["gzip", "x-gzip", "zlib", "raw deflate", "identity"],
)
def test_a_body_is_unpacked(carrier: Carrier, body: bytes, coding: str) -> None:
    (found,) = results(carrier, Listener(reply(body, f"content-encoding: {coding}")), ASK)
    assert found.body == TEXT


@each_carrier
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(TEXT)[:-9], "gzip"),
        (TEXT, "gzip"),
        (TEXT, "deflate"),
        (gzip.compress(TEXT), "br"),
    ],
    ids=["cut short", "not packed", "not deflated", "not asked for"],
)
def test_a_body_that_cannot_be_unpacked_is_malformed(
    carrier: Carrier, body: bytes, coding: str
) -> None:
    (error,) = results(carrier, Listener(reply(body, f"content-encoding: {coding}")), ASK)
    assert isinstance(error, SourceMalformed)
    assert "compression" in str(error)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ndbba0\r\n" + MUCH + b"\r\n0\r\n\r\n"
)


@each_carrier
@pytest.mark.parametrize(
    "said",
    [
        reply(MUCH),
        CHUNKED,
        b"HTTP/1.1 200 OK\r\n\r\n" + MUCH,
        b"HTTP/1.1 200 OK\r\ncontent-length: 900000000\r\n\r\n",
        reply(gzip.compress(MUCH), "content-encoding: gzip"),
    ],
    ids=["told", "in chunks", "until the end", "only told", "when unpacked"],
)
def test_a_body_that_is_too_large_is_not_taken(carrier: Carrier, said: bytes) -> None:
    listener = Listener(said, reply(), close=True)
    too_much, after = results(carrier, listener, ASK, ASK, max_bytes=800_000)
    assert isinstance(too_much, SourceMalformed)
    assert "max_response_mb" in str(too_much)
    assert after.body == b"ok"


@each_carrier
def test_a_body_of_just_the_size_is_taken(carrier: Carrier) -> None:
    for said in (reply(MUCH), CHUNKED, reply(gzip.compress(MUCH), "content-encoding: gzip")):
        (found,) = results(carrier, Listener(said), ASK, max_bytes=len(MUCH))
        assert len(found.body) == len(MUCH)


@each_carrier
def test_a_file_comes_in_parts_as_it_was_sent(carrier: Carrier) -> None:
    packed = gzip.compress(TEXT * 200)
    said = reply(packed, "content-encoding: gzip")

    async def work() -> None:
        async with listening(Listener(said)) as listener:
            transport = carrier(f"{listener.address}/under/this")
            for _ in range(2):
                async with transport.stream(Request("GET", "/file"), timeout=30) as got:
                    assert got.status == 200
                    assert got.headers["content-encoding"] == "gzip"
                    assert b"".join([part async for part in got.parts]) == packed
            heads = [head for _, head in listener.heard]
            assert all(head.startswith(b"GET /file HTTP/1.1") for head in heads)
            assert all(b"accept-encoding: identity" in head.lower() for head in heads)
            assert listener.connections == 1
            await transport.close()

    run(work)


@each_carrier
def test_a_file_that_nobody_reads_on_gives_its_connection_up(carrier: Carrier) -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def work() -> None:
        async with listening(Listener(talk=endless)) as listener:
            transport = carrier(listener.address, max_connections=1)
            for _ in range(3):
                async with transport.stream(ASK, timeout=30) as got:
                    assert len(await anext(got.parts)) > 0
            assert listener.connections == 3
            await transport.close()

    run(work)


@each_carrier
def test_a_file_that_breaks_off_is_malformed(carrier: Carrier) -> None:
    async def work() -> None:
        async with listening(Listener(reply(TEXT)[:-5], close=True)) as listener:
            transport = carrier(listener.address)
            async with transport.stream(ASK, timeout=30) as got:
                with pytest.raises(SourceMalformed):
                    async for _ in got.parts:
                        pass
            await transport.close()

    run(work)


@each_carrier
def test_certificates_are_checked_against_the_given_authority(
    carrier: Carrier, tmp_path: Path
) -> None:
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(served)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    for verify, good in ((str(trusted), True), (False, True), (True, False)):
        listener = Listener(reply())
        (found,) = results(carrier, listener, ASK, context=served, verify=verify)
        if good:
            assert found.body == b"ok"
        else:
            assert isinstance(found, SourceUnavailable)
            assert not found.sent
            assert not listener.heard
    with pytest.raises(OSError):
        carrier("https://localhost", verify=str(tmp_path / "none.pem"))


@each_carrier
def test_a_proxy_of_the_environment_is_used_except_for_what_it_excludes(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(proxy: Listener) -> Reply | SourceError:
        transport = carrier("http://pbx.invalid/base")
        try:
            return await transport.send(Request("GET", "/cdrs"), timeout=30, max_bytes=100)
        except SourceError as error:
            return error
        finally:
            await transport.close()

    async def work() -> None:
        async with listening(Listener(reply(b"by proxy"))) as proxy:
            monkeypatch.setenv("http_proxy", proxy.address)
            monkeypatch.setenv("no_proxy", "other.invalid")
            found = await asked(proxy)
            assert isinstance(found, Reply)
            assert proxy.heard[0][1].startswith(b"GET http://pbx.invalid/base/cdrs HTTP/1.1")
            monkeypatch.setenv("no_proxy", "pbx.invalid")
            assert isinstance(await asked(proxy), SourceUnavailable)
            assert len(proxy.heard) == 1

    run(work)


def test_a_proxy_that_speaks_no_http_is_told_when_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigError, match="proxy"):
        AiohttpTransport("http://pbx.invalid")


def test_httpx_stands_in_where_aiohttp_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "graph.transport.aiohttp", None)
    production.cache_clear()
    try:
        assert production() is HttpxTransport
    finally:
        production.cache_clear()
