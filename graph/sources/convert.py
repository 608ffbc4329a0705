"""Wire to record, value by value; `compiling.py` makes functions of rows out of these.

Blanks (missing, null, "", " ", zero dates) become None; zero stays zero.

Converters raise ValueError for what is not as documented; the row is then skipped and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, TypeVar

import msgspec
import phonenumbers

from graph.privacy import country_of_pseudonym
from graph.sources.columns import by_column, plain
from graph.sources.contract import PerSite, Site
from graph.types.scalars import Money

E = TypeVar("E", bound=Enum)
T = TypeVar("T")


# ---------------------------------------------------------------- converters


def texts(values: list[Any]) -> list[str | None]:
    """The same as `text` of each"""
    try:
        return [
            None if value is None else it if (it := value.strip()) and it[0] != "0" else text(it)
            for value in values
        ]
    except AttributeError:  # numbers among them
        return list(map(text, values))


@by_column(texts)
def text(value: object) -> str | None:
    """The text without blanks around it, or None"""
    if value is None:
        return None
    stripped = value.strip() if type(value) is str else str(value).strip()
    if not stripped or (stripped[0] == "0" and stripped.startswith("0000-00-00")):
        return None
    return stripped


def _are_told(values: list[Any]) -> list[bool]:
    try:
        # Most that is told begins with another sign than a blank or the 0 of a date of zeros.
        return [
            value is not None
            and value != ""
            and ("0" < value[0] < "\x7f" or text(value) is not None)
            for value in values
        ]
    except TypeError:  # numbers among them
        return list(map(told, values))


@by_column(_are_told)
def told(value: object) -> bool:
    """Whether there is any text, whatever it says"""
    return value is not None and value != "" and text(value) is not None


def _integers(values: list[Any]) -> list[int | None]:
    return values if plain(values, int, NoneType) else list(map(integer, values))


@by_column(_integers)
def integer(value: object) -> int | None:
    """A whole number, which may come as text"""
    if type(value) is int or value is None or isinstance(value, int):
        return value
    stripped = str(value).strip()
    if not stripped:
        return None
    return int(stripped) if stripped.isdecimal() else int(float(stripped))


seconds = integer
"""whole seconds; 0 is 0 and a blank is None"""


def boolean(value: object) -> bool | None:
    """A yes or no, which may come as text or number"""
    if value is None or isinstance(value, bool):
        return value
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(value).strip().lower()
    )


def decimal(value: object) -> Decimal | None:
    """An exact number; floats are taken as they print"""
    stripped = text(value)
    if stripped is None:
        return None
    try:
        return Decimal(stripped)
    except ArithmeticError:
        raise ValueError(f"{stripped[:20]!r} is no number") from None


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Texts(msgspec.Struct):
    """Moments as text. msgspec prepares for a Struct once, and for a list each time."""

    values: list[_Moment | None]


class _Numbers(msgspec.Struct):
    """Moments as seconds since 1970."""

    values: list[datetime | None]


def _instants(values: list[Any]) -> list[datetime | None]:
    if "" in values:
        values = [None if value == "" else value for value in values]
    try:
        moments = msgspec.convert({"values": values}, _Texts).values
    except msgspec.ValidationError:  # one without its zone, or a date of zeros
        return list(map(instant, values))
    return [
        moment if moment is None or moment.tzinfo is UTC else moment.astimezone(UTC)
        for moment in moments
    ]


@by_column(_instants)
def instant(value: object) -> datetime | None:
    """RFC 3339 or ISO 8601 text with its zone; without one it is UTC"""
    if value is None or value == "":
        return None
    stripped = text(value)
    if stripped is None:
        return None
    try:
        moment = msgspec.convert(stripped, _Moment)
    except msgspec.ValidationError:
        moment = datetime.fromisoformat(stripped)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _epochs(values: list[Any]) -> list[datetime | None]:
    numbers = [number or None for number in _integers(values)]
    return msgspec.convert({"values": numbers}, _Numbers, strict=False).values


@by_column(_epochs)
def epoch(value: object) -> datetime | None:
    """Seconds since 1970 in UTC; 0 is absent"""
    number = integer(value)
    return datetime.fromtimestamp(number, UTC) if number else None


@lru_cache(maxsize=16_384)
def lasting(seconds: int) -> timedelta:
    """So many seconds; making one anew costs more than adding it to a moment"""
    return timedelta(seconds=seconds)


def local(site: Site) -> Callable[[object], datetime | None]:
    """ISO 8601 text (a blank or a T in the middle) in the site's zone.

    Of a repeated autumn hour the first is meant. An offset in the text wins over the zone.
    """
    # A zone look-up costs more than the rest of the conversion; within an hour the offset is one.
    offsets: dict[str, timedelta] = {}

    def convert(value: object) -> datetime | None:
        stripped = text(value)
        if stripped is None:
            return None
        moment = datetime.fromisoformat(stripped)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        hour = stripped[:13]
        offset = offsets.get(hour)
        if offset is None:
            if len(offsets) > 50_000:
                offsets.clear()
            at = moment.replace(minute=0, second=0, microsecond=0, tzinfo=site.zone)
            offset = offsets[hour] = at.utcoffset() or timedelta()
        return (moment - offset).replace(tzinfo=UTC)

    return convert


local_instant = PerSite(local)


def word(table: Mapping[str, E], unknown: E, *, blank: E | None = None) -> PerSite:
    """A vendor's word by its table, compared in upper case without blanks around it.

    A word that no table knows becomes `unknown` and is counted; a blank becomes `blank`, or
    `unknown` without being counted.
    """
    known = {key.upper(): value for key, value in table.items()}
    absent = unknown if blank is None else blank

    def make(site: Site) -> Callable[[object], E]:
        def convert(value: object) -> E:
            stripped = text(value)
            if stripped is None:
                return absent
            found = known.get(stripped.upper())
            if found is None:
                site.unknown_words.met(stripped)
                return unknown
            return found

        return convert

    return PerSite(make)


def code(table: Mapping[int, E], unknown: E) -> PerSite:
    """A vendor's numeric word, like `word`"""
    return word({str(key): value for key, value in table.items()}, unknown)


def money(currency: str | None, *, per: int = 1) -> Callable[[object], Money | None]:
    """An amount in units of 1/`per` of the currency"""

    def convert(value: object) -> Money | None:
        amount = decimal(value)
        return None if amount is None else Money(amount=amount / per, currency=currency)

    return convert


def to_e164(number: str, region: str | None) -> str | None:
    """E.164 with `+`, or None if the text is no number of a known country"""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=65_536)
def country(e164: str | None) -> str | None:
    """The ISO 3166-1 code of a number's country, also of a pseudonym that stands for one.

    Where several countries share a calling code and the number fits none of them, the main one.
    """
    if e164 is None or not e164.startswith("+"):
        return None if e164 is None else country_of_pseudonym(e164)
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    region: str | None = phonenumbers.region_code_for_number(number)
    if region is None and number.country_code is not None:
        region = phonenumbers.region_code_for_country_code(number.country_code)
    return None if region in (None, "ZZ", "001") else region


def e164(*, plus: bool = False) -> PerSite:
    """The number in international form. `plus`: the vendor leaves the `+` of such numbers out."""

    def make(site: Site) -> Callable[[object], str | None]:
        region = site.region
        return lambda value: None if value is None else outside(str(value), region, plus)

    return PerSite(make)


@lru_cache(maxsize=65_536)
def outside(value: str, region: str | None, plus: bool) -> str | None:
    """What `e164` makes of a text"""
    number = text(value)
    # Five digits and fewer are extensions and service numbers, in every country's plan.
    if number is None or sum(map(str.isdigit, number)) < 6 or not number[-1].isdigit():
        return None
    if plus and number[0].isdigit() and not number.startswith("0"):
        return to_e164("+" + number, None)
    return to_e164(number, region)


def constant(value: T) -> Callable[..., T]:
    """The same for every row"""
    return lambda *_: value


# ---------------------------------------------------------------- text for a vendor

PUSHABLE = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+*#@._-")
"""the only characters that are ever put into a vendor's filter expression"""


def pushable(values: tuple[Any, ...]) -> bool:
    """Every value is safe text for a vendor's filter expression"""
    return all(isinstance(v, str) and v and PUSHABLE.issuperset(v) for v in values)
