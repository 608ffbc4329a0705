"""create_app: sources, schema and routes put together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult

from graph.caller import LOOPBACK, Caller
from graph.config import ReportSettings, ServerSettings, Settings, read_file
from graph.errors import ConfigError, NotSignedIn, SignInUnavailable
from graph.gather.keys import Signer
from graph.gather.watch import Watches
from graph.metrics import CONTENT_TYPE, Metrics
from graph.observe import Timer, log, system_timer
from graph.reports.address import Addresses
from graph.reports.commands import Writes
from graph.schema.build import build
from graph.schema.context import Context
from graph.schema.documents import Documents
from graph.schema.purses import Purses
from graph.schema.streams import Streams
from graph.schema.trusted import Trusted, read
from graph.schema.turns import Turns
from graph.server.auth import Gate
from graph.server.edge import Edge
from graph.server.endpoint import Endpoint, refusal_at_the_gate
from graph.server.examples import FIRST
from graph.server.files import Compressed, ReportFile
from graph.server.oidc import Fetch
from graph.server.page import assets
from graph.stats.reading import Progress
from graph.transport.open import (
    MakeTransport,
    Sources,
    check_vendors,
    default_transport,
    open_sources,
)
from graph.transport.sharing import Alone, Sharing, Together
from graph.transport.source import LiveSource
from graph.types.source import SourceState

if TYPE_CHECKING:
    from graph.engine.gateway import KeptReports


class Graph:
    """The sources of one configuration with what is needed to ask them: a server without HTTP."""

    def __init__(
        self,
        settings: Settings,
        *,
        timer: Timer | None = None,
        make_transport: MakeTransport = default_transport,
        share: int = 1,
        shared_metrics: str | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self.settings = settings
        self.timer = timer or system_timer()
        self._fetch = fetch
        self.gate = Gate(settings.server, self.timer, fetch)
        given = settings.server.secret
        secret = secrets.token_bytes(32) if given is None else given.reveal().encode()
        self.signer = Signer(secret)
        self.addresses = Addresses(self.signer, self.timer)
        self.metrics = Metrics(shared_metrics)
        self.sharing = _sharing(settings.server, secret, self.timer, share)
        self._open: Callable[[Settings, Sources | None], Sources] = lambda wanted, before: (
            open_sources(
                wanted,
                self.timer,
                secret,
                make_transport,
                sharing=self.sharing,
                metrics=self.metrics,
                before=before,
            )
        )
        self._retiring: set[asyncio.Task[None]] = set()
        self.sources = self._open(settings, None)
        if given is None:
            log.info(
                "server.secret is not set: cursors, pseudonyms and addresses of files are good "
                "until this process ends, and only here"
            )
        self.watches = Watches()
        self.streams = Streams()
        self.writes = Writes(self.timer, domains(settings.server))
        self.reports = self._kept_reports(settings)
        self.schema = build(
            compiled=settings.server.compiled, federation=settings.server.federation
        )
        self.purses = Purses(settings.server, self.sharing.bucket)
        self.turns = Turns(settings.server.max_operations, settings.server.max_waiting)
        self.documents = Documents(self.schema.plain, settings.server, trusted(settings.server))

    def _kept_reports(self, settings: Settings) -> KeptReports | None:
        """What keeps the reports that this server runs itself, if it is to run any"""
        if settings.reports is None:
            return None
        # Whoever keeps no reports need not wait for the libraries of a database at every start.
        from graph.engine.gateway import keep_reports

        def own() -> ReportSettings:
            reports = self.settings.reports
            assert reports is not None, "whether reports are kept never changes"
            return reports

        return keep_reports(
            signer=self.signer,
            timer=self.timer,
            sources=lambda: self.sources,
            settings=own,
            server=lambda: self.settings.server,
        )

    def context(self, request: Request | WebSocket | None = None, caller: Caller = LOOPBACK
                ) -> Context:  # fmt: skip
        return Context(
            self.sources,
            self.settings.server,
            self.signer.of(caller.sight),
            self.timer,
            caller,
            self.watches,
            self.streams,
            self.writes,
            self.addresses,
            self.reports,
            self.documents,
            self.metrics,
            self.purses,
            self.turns,
            lambda: self.context(request, caller),
            request,
        )

    async def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """The answer to one query as a client gets it, without HTTP"""
        context = self.context()
        context.progress = progress
        try:
            result = await self.schema.execute(
                query,
                variable_values=None if variables is None else dict(variables),
                context_value=context,
            )
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError):
            told = "there is no operation here, or one that has more than one answer"
            return {"errors": [{"message": told, "extensions": {"code": "BAD_REQUEST"}}]}
        assert isinstance(result, ExecutionResult)
        # Compiled selections leave rows for msgspec to write.
        answer: dict[str, Any] = {"data": msgspec.to_builtins(result.data)}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        if result.extensions:
            answer["extensions"] = result.extensions
        return answer

    async def end_streams(self) -> None:
        """Ends what would not end by itself: subscriptions, and those that begin from now on"""
        await self.streams.close()

    async def reload(self, settings: Settings) -> None:
        """Goes on with other settings; ConfigError, and nothing has changed, if they are unusable.

        What is under way ends as it began. Sources whose settings are the same stay, with their
        connections, tokens and budgets; the others are closed once nobody can use them any more.
        Where sources have changed, subscriptions end, so that clients go on with the new ones.
        """
        check_vendors(settings)
        documents = Documents(self.schema.plain, settings.server, trusted(settings.server))
        gate = Gate(settings.server, self.timer, self._fetch)
        before, after = self.sources, self._open(settings, self.sources)
        old = self.settings.server
        self.settings, self.sources, self.documents = settings, after, documents
        self.gate = gate
        self.writes.email_domains = domains(settings.server)
        limits = ("requests_per_minute", "rows_per_minute")
        if any(getattr(old, name) != getattr(settings.server, name) for name in limits):
            self.purses = Purses(settings.server, self.sharing.bucket)
        self.turns = Turns(settings.server.max_operations, settings.server.max_waiting)
        if before.live != after.live:
            streams, watches = self.streams, self.watches
            self.streams, self.watches = Streams(), Watches()
            await streams.close()
            await watches.close()
        gone = [live for id, live in before.live.items() if after.live.get(id) is not live]
        if gone:
            longest_ms = max(old.deadline_ms, old.stats_deadline_ms)
            runs = () if self.reports is None else self.reports.scheduler.under_way
            retiring = asyncio.create_task(self._retire(gone, longest_ms / 1000, runs))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    async def _retire(
        self, gone: Sequence[LiveSource], after_seconds: float, runs: Collection[asyncio.Task[None]]
    ) -> None:
        """Closes sources when nobody can use them any more, runs of reports included"""
        try:
            await self.timer.sleep(after_seconds)
            await asyncio.gather(*map(asyncio.shield, runs), return_exceptions=True)
        finally:
            await asyncio.gather(*(live.close() for live in gone))

    async def close(self) -> None:
        """Gives tokens back and closes connections."""
        await self.streams.close()
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.watches.close()
        if self.reports is not None:
            await self.reports.close()
        await self.writes.close()
        await self.sources.close()
        await self.sharing.close()


def _sharing(server: ServerSettings, secret: bytes, timer: Timer, share: int) -> Sharing:
    if server.shared_url is None:
        return Alone(timer, share)
    return Together(
        server.shared_url, secret, timer, share, answer_seconds=server.shared_timeout_ms / 1000
    )


def trusted(server: ServerSettings) -> Trusted:
    """The persisted documents of the settings; ConfigError where their file is none"""
    if server.documents_file is None:
        return Trusted({}, required=False)
    try:
        texts = read(read_file(server.documents_file, "server.documents_file"))
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"server.documents_file: {server.documents_file} is neither a manifest of Apollo's nor "
            f"an object of ids and texts: {error}"
        ) from None
    return Trusted(texts, required=server.documents == "require")


def domains(server: ServerSettings) -> frozenset[str] | None:
    """Where reports may be sent; where callers sign in and nothing is said, the log tells so"""
    told = server.report_email_domains
    if told is None and server.asks_who:
        log.warning(
            "server.report_email_domains is not set: who may write reports may have them sent to "
            "any address"
        )
    return None if told is None else frozenset(domain.lower() for domain in told)


def create_app(graph: Graph, *, example: str | None = None) -> Starlette:
    """The ASGI app. `example`: the query that GraphiQL opens with, where it is not for the settings
    alone to say whether there is GraphiQL.
    """
    server = graph.settings.server
    if example is None and server.graphiql:
        example = FIRST
    endpoint = Endpoint(graph.schema, graph.context, graph, example=example)

    async def front(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}/graphql")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if graph.reports is not None:
            graph.reports.scheduler.start()
        yield
        await graph.close()

    return Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", endpoint),
            Route("/reports/{id}/file", ReportFile(graph, graph.context), methods=["GET"]),
            Mount("/graphql/page", assets()),
            *_health(graph, guarded=True),
            Route("/", front),
        ],
        middleware=[
            Middleware(Edge, allowed_origins=server.allowed_origins),
            *_cross_origin(server.allowed_origins),
            Middleware(Compressed),
        ],
        lifespan=lifespan,
    )


def create_health_app(graph: Graph) -> Starlette:
    """The ASGI app of a port of its own, which tells how the server is, and nothing else"""
    return Starlette(routes=_health(graph, guarded=False), middleware=[Middleware(Edge)])


def _health(graph: Graph, *, guarded: bool) -> list[Route]:
    """How the server is. `guarded`: of sources only those are told who may know of them."""

    async def caller_of(request: Request) -> Caller:
        if not guarded:
            return LOOPBACK
        return await graph.gate.caller(request.headers.get("authorization"))

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        usable = [t for t in graph.sources.told if t.state is SourceState.READY]
        ready = bool(usable) or not graph.sources.told
        told: dict[str, Any] = {"status": "ready" if ready else "no source can be asked"}
        with suppress(NotSignedIn, SignInUnavailable):
            caller = await caller_of(request)
            seen = [t for t in graph.sources.told if caller.sees(str(t.id))]
            told["sources"] = {str(source.id): source.state.value for source in seen}
        return JSONResponse(told, status_code=200 if ready else 503)

    async def metrics(request: Request) -> Response:
        # They tell of every source, and so only who may know of every source is told.
        try:
            caller = await caller_of(request)
        except (NotSignedIn, SignInUnavailable) as error:
            return refusal_at_the_gate(error)
        if caller.sources is not None:
            told = {"status": "this needs a token for every source"}
            return JSONResponse(told, status_code=403)
        return Response(graph.metrics.text(), media_type=CONTENT_TYPE)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def _cross_origin(origins: Sequence[str]) -> list[Middleware]:
    """What lets pages of these origins read answers (CORS); nothing where there are none"""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["retry-after", "server-timing", "x-request-id"],
            max_age=3600,
        )
    ]
