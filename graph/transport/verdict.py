"""What a reply means: an answer, a failure, or a token that has lapsed."""

from __future__ import annotations

from graph.errors import (
    SourceError,
    SourceMalformed,
    SourceRefused,
    SourceRejected,
    SourceThrottled,
    SourceTimeout,
    SourceUnavailable,
)
from graph.sources.contract import Expired, Manifest, Reply, Request


def verdict_on(reply: Reply, request: Request, manifest: Manifest) -> SourceError | Expired | None:
    """None for an answer. The vendor's own words come first, then the status."""
    verdict = manifest.judge(reply, request)
    if verdict is not None or 200 <= reply.status < 300 or reply.status in request.accept:
        return verdict
    return _by_status(reply)


def _by_status(reply: Reply) -> SourceError | Expired:
    """What a status outside 2xx means where the vendor's documents say nothing else"""
    status = reply.status
    what = f"it answered with HTTP status {status}"
    if status == 401:
        return Expired()
    if status in (403, 407):
        return SourceRefused(f"{what}: our credentials, rights or address are refused")
    if status == 429:
        return SourceThrottled(
            f"{what}: too many requests", retry_after_seconds=_retry_after(reply)
        )
    if status == 408:
        return SourceTimeout(what)
    if status >= 500:
        return SourceUnavailable(what, retry_after_seconds=_retry_after(reply))
    if 300 <= status < 400:
        return SourceMalformed(f"{what}: redirects are not followed; check base_url")
    if status == 404:
        return SourceRejected(f"{what}: no such address; check base_url and the options")
    return SourceRejected(what)


def _retry_after(reply: Reply) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3) that gives seconds; None otherwise."""
    value = reply.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        return None
