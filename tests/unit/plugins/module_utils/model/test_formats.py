# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every format accepts what it should, refuses what it should not, and its published pattern says the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.formats import FORMATS, accepts
from ansible_collections.hodei.workers.tests.support.schema_values import GOOD

BAD: dict[str, list[Any]] = {
    "duration": ["30 s", "x", -1],
    "positive_duration": ["0s", 0],
    "size": ["512Mb", "x"],
    "cpu": ["50%", 0],
    "text": ["a\0b"],
    "name": ["A", "", "-a", "a" * 64, "a\n"],
    "address": ["A", "a[b]", "worker."],
    "port_name": ["80", "HTTP", "-a", "x" * 16],
    "secret_name": ["", "/a", "a/", "a//b", "../a", "a/..", ".a", "-a", "a b", "ä", "@/a", "@A/b", "a@b", "a%2fb"],
    "tenant": ["", "A", "-a", "a-", "a_b", "x" * 64],
    "tag_name": ["", "hodei.owner", "-a", "a b", "x" * 129],
    "tag": ["x" * 257, "a\0"],
    "mode": ["888", "rw", "00644"],
    "env_name": ["1A", "A=b", ""],
    "label_name": ["hodei.owner", "a b", ""],
    "user": ["a b", "a:b:c", ""],
    "image": ["X Y", "-a", ""],
    "cidr": ["10.2.0.1/16", "host", "10.0.0.0/33"],
    "ip": ["10.0.0.0/8", "host", "1.2.3.400"],
    "port_range": ["8010-8000", "0-1", "1-65536", "80"],
    "host": ["a b", "-a", ""],
    "movable": ["owner.Bad", "owner.", "secret.a", "owner.a[0]", "worker.b[x]"],
    "capability": ["NET ADMIN", "1"],
    "uuid": ["abc"],
    "restart_policy": ["sometimes"],
    "all_word": ["some"],
    "share": ["0", "0%", "101%", "-1", "1.5", "half"],
    "index": ["01", "x", "-1"],
    "ulimit_name": ["NOFILE", ""],
    "base64": ["x", "aGVsbG8", "ü"],
    "absolute_path": ["a/b", ""],
    "subject": ["alice", "user:*", "role:*", "ROLE:a", "role:a b", "role:\u0430", "uid:01", "role:a\n"],
    "role_name": ["", "a b", "a\n", "\u0430"],
    "clock": ["8:00", "24:00", "08:60", "08:00:00"],
    "timezone": ["", "Nowhere/At_all", "../../etc/passwd", "/etc/passwd"],
    "instant": ["2027-01-31", "2027-01-31T12:00:00", "soon"],
    "field_name": ["", "a\nb", "x" * 129],
    "generated": ["api_key", "Password", ""],
    "symbols": ["", "a!", "! ", "é"],
    "characters": ["é", "a\tb"],
    "key_prefix": ["", "_a", "a b", "x" * 33],
    "line": ["a\nb", "x" * 201],
    "x500_name": ["", "a\tb", "x" * 65],
    "country": ["es", "ESP", ""],
    "endpoint": ["loghost", "loghost:", ":20514", "a b:1", "::1:20514"],
    "dns_name": ["", "a b", "-a", "a.*.b", "a..b", "ü.org", ".".join(["a" * 63] * 5)],
    "email": ["a", "@a", "a@", "a b@c", "a@b\n", "x" * 65 + "@a"],
    "uri": ["a", ":x", "http://a b", "ü:x"],
    "url": ["host:80", "http://a b"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_a_format_accepts(name: str, value: Any) -> None:
    assert accepts(name)(value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_format_refuses(name: str, value: Any) -> None:
    assert not accepts(name)(value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_the_published_pattern_accepts_what_the_format_does(name: str, value: Any) -> None:
    pattern = FORMATS[name].pattern
    assert not pattern or not isinstance(value, str) or re.fullmatch(pattern, value)


def test_every_format_has_examples_of_both_kinds() -> None:
    assert set(BAD) == set(FORMATS)
    assert set(FORMATS) - set(GOOD) == {"absolute_path", "url"}


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_a_format_says_nothing_of_other_types(value: Any) -> None:
    assert all(accepts(name)(value) for name in FORMATS)
