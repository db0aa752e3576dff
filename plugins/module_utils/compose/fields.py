# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a mapping of a Compose file key by key, so that none is dropped in silence: what nobody took is told."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..model.errors import InvalidDocument, Problem
from ..model.formats import accepts
from ..model.quantities import show_duration, show_size
from .blocks import Block, Rows, Spot

LEFT_OUT, DIFFERS = "left out", "differs"
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d|w))+")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)


class Finding(NamedTuple):
    """What of a Compose file is not carried as it stands there, why, and what to do."""

    kind: str
    where: str
    field: str
    message: str
    hint: str

    def __str__(self) -> str:
        """Write it as one line."""
        return f"{self.where}: {self.field}: {self.message}; {self.hint}"


class Notes:
    """What a conversion finds: of problems all are told at once, and the conversion fails; findings come with its result."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.problems: list[Problem] = []

    def left_out(self, spot: Spot | None, field: str, message: str, hint: str) -> None:
        """Tell what the result does not have."""
        self._tell(Finding(LEFT_OUT, str(spot or ""), field, message, hint))

    def differs(self, spot: Spot | None, field: str, message: str, hint: str) -> None:
        """Tell what the result has in another way."""
        self._tell(Finding(DIFFERS, str(spot or ""), field, message, hint))

    def _tell(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)

    def wrong(self, spot: Spot | None, field: str, message: str, hint: str) -> None:
        """Tell what makes the file no Compose file."""
        problem = Problem(field, message, hint, str(spot or ""))
        if problem not in self.problems:
            self.problems.append(problem)

    def check(self) -> None:
        """Raise InvalidDocument when there are problems."""
        if self.problems:
            raise InvalidDocument(self.problems)


def kind_of(value: Any) -> str:
    """Name what somebody wrote."""
    if isinstance(value, (Block, Rows)):
        return "a mapping" if isinstance(value, Block) else "a list"
    return {type(None): "nothing", bool: "true or false", str: f"'{value}'"}.get(type(value), f"{value}")


def text_of(value: Any) -> str:
    """Write a scalar as Compose hands it on."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def seconds(value: Any) -> float:
    """Read a duration of Compose, which needs a unit. Raises ValueError."""
    text = text_of(value)
    if text == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise ValueError("not a duration")
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)", text)
    return round(sum(float(number) * _SECONDS[unit] for number, unit in parts), 6)


def size(value: Any) -> int:
    """Read a size of Compose, whose units are all powers of 1024. Raises ValueError."""
    match = _SIZE.fullmatch(text_of(value))
    if match is None:
        raise ValueError("not a size")
    return math.floor(float(match[1]) * 1024 ** ("_kmgtp".index((match[2] or "_").lower())))


class Fields:
    """One mapping, read key by key. ``path`` is how people write where it stands."""

    def __init__(self, block: Any, path: str, notes: Notes, spot: Spot | None = None) -> None:
        self.path, self.notes, self.spot = path, notes, spot
        if block is not None and not isinstance(block, Block):
            notes.wrong(spot, path, f"expected a mapping, got {kind_of(block)}", "write `key: value` lines below it")
        self.block = block if isinstance(block, Block) else Block()
        self._left = {key: None for key in self.block if not key.startswith("x-")}

    def __contains__(self, key: str) -> bool:
        return self.block.get(key) is not None

    def at(self, key: str) -> Spot | None:
        """Return where a key was written."""
        return self.block.at.get(key, self.spot)

    def under(self, key: str) -> str:
        """Return how a key is called from the top."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, default: Any = None) -> Any:
        """Return a value; `key:` without one is as if it was not there."""
        self._left.pop(key, None)
        value = self.block.get(key)
        return default if value is None else value

    def wrong(self, key: str, message: str, hint: str) -> None:
        """Tell that a key is not as Compose has it."""
        self.notes.wrong(self.at(key), self.under(key), message, hint)

    def left_out(self, key: str, message: str, hint: str) -> None:
        """Tell that a key is not carried."""
        self._left.pop(key, None)
        self.notes.left_out(self.at(key), self.under(key), message, hint)

    def differs(self, key: str, message: str, hint: str) -> None:
        """Tell that a key is carried in another way."""
        self.notes.differs(self.at(key), self.under(key), message, hint)

    def external(self) -> tuple[bool, str]:
        """Take `external` and `name`: whether this is somewhere outside of the project, and how it is called, if that is said."""
        written = self.take("external")
        name = self.text("name")
        if isinstance(written, Block):  # as files before version 3.4 have it
            inner = Fields(written, self.under("external"), self.notes, self.at("external"))
            name = inner.text("name") or name
            inner.end({}, "name")
        return isinstance(written, Block) or text_of(written or "").lower() == "true", name

    # ---- values of a kind ------------------------------------------------------------------------------------------

    def text(self, key: str, default: str = "") -> str:
        """Take a text; numbers and booleans are as good as text."""
        value = self.take(key, default)
        if isinstance(value, (Block, Rows)):
            self.wrong(key, f"expected text, got {kind_of(value)}", "write one value")
            return default
        return text_of(value)

    def flag(self, key: str) -> bool | None:
        """Take true or false, which a variable gives as text."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        words = {"true": True, "1": True, "yes": True, "on": True, "y": True}
        words |= {"false": False, "0": False, "no": False, "off": False, "n": False}
        if isinstance(value, (Block, Rows)) or text_of(value).lower() not in words:
            self.wrong(key, f"expected true or false, got {kind_of(value)}", "write true or false")
            return None
        return words[text_of(value).lower()]

    def whole(self, key: str, least: int = 0) -> int | None:
        """Take a whole number."""
        value = self.take(key)
        if value is None:
            return None
        try:
            number = float(text_of(value))
            if isinstance(value, (Block, Rows)) or number != int(number) or number < least:
                raise ValueError(key)
        except (ValueError, OverflowError):
            self.wrong(key, f"expected a whole number, got {kind_of(value)}", f"write a number from {least} on")
            return None
        return int(number)

    def duration(self, key: str) -> str | None:
        """Take a duration, in our words."""
        value = self.take(key)
        if value is None:
            return None
        try:
            return show_duration(seconds(value))
        except ValueError:
            self.wrong(key, f"{kind_of(value)} is no duration", "write a number with a unit, such as 30s or 1m30s")
            return None

    def size(self, key: str) -> str | None:
        """Take a size, in our words."""
        value = self.take(key)
        if value is None:
            return None
        try:
            return show_size(size(value))
        except (ValueError, OverflowError):
            self.wrong(key, f"{kind_of(value)} is no size", "write a number with a unit, such as 512m or 2g")
            return None

    def below(self, key: str) -> Fields:
        """Take a mapping, to be read key by key as well."""
        return Fields(self.take(key), self.under(key), self.notes, self.at(key))

    def items(self, key: str) -> list[tuple[Any, Spot | None, str]]:
        """Take a list, or one value instead of it: each with its place and its path."""
        value = self.take(key)
        if value is None:
            return []
        if isinstance(value, Rows):
            return [(item, spot, f"{self.under(key)}[{number}]") for number, (item, spot) in enumerate(value.spotted())]
        if isinstance(value, Block):
            self.wrong(key, "expected a list, got a mapping", "write `- item` lines below it")
            return []
        return [(value, self.at(key), self.under(key))]

    def pairs(self, key: str) -> list[tuple[str, Any, Spot | None, str]]:
        """Take a mapping, or a list of `NAME=value`: each with its place and its path. `NAME` alone has the value None."""
        return list(self._pairs(key))

    def _pairs(self, key: str) -> Iterator[tuple[str, Any, Spot | None, str]]:
        value = self.take(key)
        if isinstance(value, Block):
            for name, one in value.items():
                spot = value.at[name]
                if isinstance(one, (Block, Rows)):
                    self.notes.wrong(
                        spot, f"{self.under(key)}.{name}", f"expected text, got {kind_of(one)}", "write one value"
                    )
                else:
                    yield name, one, spot, f"{self.under(key)}.{name}"
        elif isinstance(value, Rows):
            for number, (one, spot) in enumerate(value.spotted()):
                if isinstance(one, (Block, Rows)) or one is None:
                    path = f"{self.under(key)}[{number}]"
                    self.notes.wrong(spot, path, f"expected NAME=value, got {kind_of(one)}", "write NAME=value")
                    continue
                name, sign, text = text_of(one).partition("=")
                yield name, text if sign else None, spot, f"{self.under(key)}.{name}"
        elif value is not None:
            self.wrong(key, f"expected a mapping or a list, got {kind_of(value)}", "write `NAME: value` lines below it")

    # ---- the rest --------------------------------------------------------------------------------------------------

    def end(self, reasons: Mapping[str, tuple[str, str]], known: str) -> None:
        """Tell of every key that nobody took: why it is not carried, or that Compose has no such key."""
        for key in list(self._left):
            if key in reasons:
                self.left_out(key, *reasons[key])
            else:
                import difflib

                close = difflib.get_close_matches(key, [*reasons, *known.split()], 1)
                hint = f"did you mean {close[0]}?" if close else "remove it; keys of your own begin with x-"
                self.wrong(key, f"Compose has no such field here: '{key}'", hint)


def fits(name: str, value: Any) -> bool:
    """Tell whether a value is of one of the formats of our schema."""
    return bool(accepts(name)(value))
