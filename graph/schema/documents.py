"""Query texts, each read, measured and validated once, and kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import (
    max_introspection_depth_rule,
    overlapping_fields_can_be_merged,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.config import Limits, ServerSettings
from graph.errors import DocumentUnknown, GraphError, OverLimit
from graph.schema import limits
from graph.schema.trusted import Trusted, sha256

T = TypeVar("T")

_KEPT_TOKENS = 100_000
"""of all kept documents together; some 600 bytes each"""
_MOST_ERRORS = 20
_MOST_MADE = 100
"""of one document: a few for each root field, and that again for each choice of its Booleans"""
_OWN_TOKENS = 50
"""what a document counts at least"""
_CHARACTERS_LIKE_A_TOKEN = 100
"""a long text within quotes or a comment is few tokens, and takes room all the same"""

# Whether fields of one name agree is found by comparing all with all. graphql-core gives up after
# so many steps; its own number takes more than a second, this one some 100 ms.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 40_000

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Document:
    """A query text as it was read: its tree, or what is wrong with it."""

    def __init__(self, tree: DocumentNode | None, errors: list[GraphQLError]) -> None:
        self.tree = tree
        self.errors = errors
        self.hash: str | None = None
        self._made: dict[Hashable, tuple[Sequence[FieldNode], Any]] = {}

    def once(
        self,
        what: Hashable,
        nodes: Sequence[FieldNode],
        variables: Mapping[str, Any],
        make: Callable[[], T],
    ) -> T:
        """What was made of these fields before, else what `make` makes; it goes with the document.

        `what` tells apart what is made of the same fields. Of the variables it may depend on those
        alone that `@skip` and `@include` go by: the Booleans.
        """
        conditions = [item for item in variables.items() if type(item[1]) is bool]
        key = (what, *map(id, nodes), *conditions)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            # An id is good only for as long as its node lives, so the nodes are kept, too.
            made = self._made[key] = (nodes, make())
        value: T = made[1]
        return value


class Documents:
    """The documents of one schema under one set of limits."""

    def __init__(
        self, schema: GraphQLSchema, settings: ServerSettings, trusted: Trusted | None = None
    ) -> None:
        self.trusted = trusted or Trusted({}, required=False)
        self._schema = schema
        self._settings = settings
        self._rules = (
            _RULES if settings.introspection else (*_RULES, NoSchemaIntrospectionCustomRule)
        )
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._tokens = 0

    def read(self, text: str) -> Document:
        """What a query text holds. Only one that may be executed is kept."""
        known = self._kept.get(text)
        if known is not None:
            self._kept.move_to_end(text)
            return known
        made = self._read(text)
        if made.tree is not None and not made.errors:
            self._keep(text, made)
        return made

    def hash_of(self, text: str | None) -> str | None:
        """The SHA-256 of a query text, by which logs call it"""
        if not text:
            return None
        known = self._kept.get(text)
        if known is None:
            return sha256(text)
        if known.hash is None:
            known.hash = sha256(text)
        return known.hash

    def _read(self, text: str) -> Document:
        settings = self._settings
        try:
            self.trusted.check(text)
        except DocumentUnknown as error:
            return Document(None, [_wrapped(error)])
        try:
            most = settings.limits.tokens
            tree = parse(text, max_lexical_tokens=most, max_comments=most)
        except GraphQLSyntaxError as error:
            return Document(None, [_syntax(error, settings.limits)])
        try:
            limits.check(limits.measure(tree), settings.limits)
        except OverLimit as error:
            return Document(tree, [_wrapped(error)])
        errors = validate(self._schema, tree, self._rules, max_errors=_MOST_ERRORS)
        return Document(tree, [_told(error) for error in errors])

    def _keep(self, text: str, made: Document) -> None:
        self._kept[text] = made
        self._tokens += _weight(text, made)
        while self._tokens > _KEPT_TOKENS and len(self._kept) > 1:
            oldest, dropped = self._kept.popitem(last=False)
            self._tokens -= _weight(oldest, dropped)


def check_variables(variables: Mapping[str, object] | None, allowed: Limits) -> list[GraphQLError]:
    """The error of variables that hold too much; none otherwise"""
    try:
        limits.check_variables(variables, allowed)
    except OverLimit as error:
        return [_wrapped(error)]
    return []


def _weight(text: str, made: Document) -> int:
    assert made.tree is not None
    return made.tree.token_count + len(text) // _CHARACTERS_LIKE_A_TOKEN + _OWN_TOKENS


def _wrapped(error: GraphError) -> GraphQLError:
    return GraphQLError(str(error), original_error=error)


def _syntax(error: GraphQLSyntaxError, allowed: Limits) -> GraphQLError:
    # graphql-core tells its limits as errors of syntax, in words.
    for words, limit, said in (
        ("more than", "tokens", "has more tokens or comments than the {} that may be"),
        ("nested too deeply", "depth", "is nested far deeper than the {} fields that may be"),
    ):
        if words in error.message:
            most = getattr(allowed, limit)
            return _wrapped(OverLimit(limit, most, most + 1, f"the query {said.format(most)}"))
    return error


def _told(error: GraphQLError) -> GraphQLError:
    # The same of its limits on validation. Too many errors are no limit, but the end of a list.
    if isinstance(error, ValidationAbortedError) and "Too many" not in error.message:
        most = overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET
        said = "the query's fragments and fields overlap too often to be compared"
        return _wrapped(OverLimit("comparisons", most, most + 1, said))
    if "introspection depth" in error.message:
        most = max_introspection_depth_rule.MAX_LIST_DEPTH - 1
        said = "the schema's lists are asked for within each other too deep"
        return _wrapped(OverLimit("introspection_lists", most, most + 1, said))
    return error
