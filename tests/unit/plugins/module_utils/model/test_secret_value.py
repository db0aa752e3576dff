# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue

CANARY = "canary-7b1e"
VALUE = SecretValue.of_text(CANARY)


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r:>40}".format,
        "{0.reveal} {0.reveal.__defaults__} {0.__class__}".format,
        lambda one: f"{one:>20}",
        lambda one: "%s %r" % (one, one),  # noqa: UP031
        lambda one: logging.makeLogRecord({"msg": "%s", "args": (one,)}).getMessage(),
        lambda one: str([one, {"a": one}]),
        lambda one: json.dumps(one, default=str),
    ],
)
def test_shows_nothing(show: Callable[[SecretValue], str]) -> None:
    assert CANARY not in show(VALUE)


@pytest.mark.parametrize(
    "leak",
    [
        pickle.dumps,
        json.dumps,
        yaml.dump,
        vars,
        hash,
        iter,
        len,
        bytes,
        lambda one: one.__getstate__(),
        lambda one: one + "x",
    ],
)
def test_is_not_serialised_nor_taken_apart(leak: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leak(VALUE)
    assert CANARY not in str(caught.value)


def test_copies_are_itself_and_nothing_changes_it() -> None:
    @dataclasses.dataclass
    class Holder:
        value: SecretValue

    assert copy.copy(VALUE) is VALUE
    assert copy.deepcopy(VALUE) is VALUE
    assert dataclasses.asdict(Holder(VALUE)) == {"value": VALUE}
    with pytest.raises(AttributeError):
        VALUE.reveal = lambda: b""


def test_what_it_was_made_of_may_change() -> None:
    source = bytearray(b"one")
    value = SecretValue(source)  # type: ignore[arg-type]
    source[:] = b"two"
    assert value.reveal() == b"one"


def test_equal_by_content_only_to_its_like() -> None:
    assert SecretValue(b"a") == SecretValue(b"a")
    assert SecretValue(b"a") != SecretValue(b"b")
    assert SecretValue(b"a") != b"a"


def test_text_and_fields() -> None:
    assert SecretValue.of_text("ñ").text() == "ñ"
    value = SecretValue.of_fields({"user": "ana", "port": 5432})
    assert value == SecretValue.of_fields({"port": 5432, "user": "ana"})
    assert {name: one.text() for name, one in value.fields().items()} == {"user": "ana", "port": "5432"}
    assert value.field("user").text() == "ana"


@pytest.mark.parametrize(
    ("data", "read", "kind"),
    [
        (CANARY.encode() + b"\xff", SecretValue.text, Kind.VALIDATION),
        (CANARY.encode(), SecretValue.fields, Kind.VALIDATION),
        (CANARY.encode() + b"\xff", SecretValue.fields, Kind.VALIDATION),
        (f'["{CANARY}"]'.encode(), SecretValue.fields, Kind.VALIDATION),
        (f'{{"{CANARY}": "{CANARY}\\ud800"}}'.encode(), SecretValue.fields, Kind.VALIDATION),
        (b"", lambda one: SecretValue.of_fields({CANARY: "\ud800"}), Kind.VALIDATION),
        (b"[" * 100_000 + CANARY.encode(), SecretValue.fields, Kind.VALIDATION),
        (f'{{"{CANARY}": "{CANARY}"}}'.encode(), lambda one: one.field("user"), Kind.NOT_FOUND),
    ],
)
def test_errors_show_nothing_nor_carry_anything(data: bytes, read: Callable[[SecretValue], Any], kind: Kind) -> None:
    value = SecretValue(data)
    with pytest.raises(HodeiError) as caught:
        read(value)
    error = caught.value
    assert error.kind is kind
    assert error.__context__ is None
    assert error.__cause__ is None
    assert CANARY not in "".join(traceback.format_exception(error)) + repr(error) + str(error.as_dict())
