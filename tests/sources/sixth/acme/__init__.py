"""Acme Telephone Works: a small made-up exchange."""

from graph.sources.acme.details import AcmeDetails
from graph.sources.acme.mapping import FIELDS, NEVER, Call
from graph.sources.acme.protocol import Credentials, Options, plan, read, row_key, shape, sign
from graph.sources.contract import Auth, Manifest, Pace, Resource

_CALLS = Resource(
    wire=Call,
    fields=FIELDS,
    never=NEVER,
    row_key=row_key,
    shape=shape,
    plan=plan,
    read=read,
    always=("no",),
    legs_of=lambda _site, row: [row],
)

VENDOR = Manifest(
    name="acme",
    title="Acme",
    documentation="made up",
    prefix="/calls",
    credentials=Credentials,
    options=Options,
    default_zone="UTC",
    pace=Pace(requests_per_second=50, burst=50, max_concurrency=4),
    auth=Auth(sign=sign),
    details=AcmeDetails,
    records=_CALLS,
    logs=_CALLS,
    logs_note="The calls themselves.",
)
