"""Persisted documents: query texts that are known beforehand, by their ids.

A request may name one instead of sending its text: as `documentId` (GraphQL over HTTP, appendix
"Persisted Documents", draft read November 2026) or as `extensions.persistedQuery.sha256Hash`
(https://www.apollographql.com/docs/apollo-server/performance/apq). Where they are required, no
other text is executed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from graph.errors import DocumentUnknown
from graph.observe import event, log

_MOST_TOLD = 1000
_PREFIX = "sha256:"


class Named(str):
    """The id of a document whose text is not known here; it stands where the text should"""

    __slots__ = ()


class _Operation(msgspec.Struct):
    id: str
    body: str


class _Manifest(msgspec.Struct, tag="apollo-persisted-query-manifest", tag_field="format"):
    operations: list[_Operation]


def read(content: bytes) -> dict[str, str]:
    """The texts of a file by id; msgspec's ValidationError or DecodeError where it is none.

    Either Apollo's manifest (`generate-persisted-query-manifest`), or one object of ids and texts,
    as relay-compiler and GraphQL Code Generator write it.
    """
    if b'"apollo-persisted-query-manifest"' in content[:200]:
        manifest = msgspec.json.decode(content, type=_Manifest)
        return {operation.id: operation.body for operation in manifest.operations}
    return msgspec.json.decode(content, type=dict[str, str])


def sha256(text: str) -> str:
    """The hash of a query text, as persisted documents are known by it"""
    return hashlib.sha256(text.encode()).hexdigest()


class Trusted:
    """The persisted documents of one configuration."""

    def __init__(self, texts: Mapping[str, str], *, required: bool) -> None:
        self._known = {id.removeprefix(_PREFIX): text for id, text in texts.items()}
        self._known |= {sha256(text): text for text in texts.values()}
        self._texts = frozenset(texts.values())
        self.required = required
        self._told: set[str] = set()

    def resolve(self, request: dict[str, Any]) -> None:
        """Puts the text of the document that the request names where its text would stand"""
        named = request.get("documentId")
        if named is None:
            given = request.get("extensions")
            persisted = given.get("persistedQuery") if isinstance(given, dict) else None
            named = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
        if isinstance(named, str) and not request.get("query"):
            known = self._known.get(named.removeprefix(_PREFIX))
            request["query"] = Named(named) if known is None else known

    def check(self, text: str) -> None:
        """DocumentUnknown for an id nobody knows, and for any other text where ids are required"""
        if isinstance(text, Named):
            raise DocumentUnknown(
                "PersistedQueryNotFound" if self._known else "PersistedQueryNotSupported"
            )
        if (not self._known and not self.required) or text in self._texts:
            return
        if self.required:
            raise DocumentUnknown("PersistedQueryRequired")
        hashed = sha256(text)
        if hashed not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(hashed)
            event(log, "a document that is not persisted", document=hashed)
