# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept, for how long, and how much of it."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.broker.cache import Cache, Key
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Retrieved, Stage, Version

CURRENT: Key = (b"a", Stage.CURRENT)


class Source:
    """A store that counts how often it is read."""

    def __init__(self, value: bytes = b"value", number: int = 3) -> None:
        self.reads = 0
        self.found = Retrieved(SecretValue(value), Version(number, 0.0, Stage.CURRENT))

    def __call__(self) -> Retrieved:
        self.reads += 1
        return self.found


def test_a_version_is_read_once_by_stage_and_number() -> None:
    """The current version is version 3: whoever asks for that needs no other read."""
    cache, source = Cache(), Source()
    for key in (CURRENT, CURRENT, (b"a", 3)):
        assert cache.get(key, source) is source.found
    assert source.reads == 1
    cache.get((b"a", 2), source)
    cache.get((b"b", Stage.CURRENT), source)
    assert source.reads == 3


def test_max_age_is_for_stages_numbers_do_not_change() -> None:
    """What stands for a stage may be another version later."""
    now = [100.0]
    cache, source = Cache(clock=lambda: now[0]), Source()
    cache.get(CURRENT, source)
    now[0] += 5
    cache.get(CURRENT, source, 10.0)
    cache.get((b"a", 3), source, 1.0)
    assert source.reads == 1
    cache.get(CURRENT, source, 5.0)
    assert source.reads == 2
    cache.get(CURRENT, source, 0.0)
    assert source.reads == 3


def test_entries_and_bytes_are_bounded_and_the_longest_unused_goes() -> None:
    """A value that is longer than all there is room for is given and not kept."""
    cache, sources = Cache(most_entries=4), {name: Source() for name in (b"a", b"b", b"c")}
    for name in (b"a", b"b", b"a", b"c", b"a"):
        cache.get((name, 3), sources[name])
    assert [source.reads for source in sources.values()] == [1, 1, 1]
    small, big = Cache(most_bytes=10), Source(b"x" * 11)
    small.get(CURRENT, big)
    small.get(CURRENT, big)
    assert big.reads == 2


def test_forgotten_is_read_again_also_when_it_was_being_read() -> None:
    """What a read that began before brings is given to those who waited, and to nobody later."""
    cache, source = Cache(), Source()
    cache.get(CURRENT, source)

    def slow() -> Retrieved:
        cache.forget()
        return source()

    cache.forget()
    cache.get(CURRENT, slow)
    cache.get(CURRENT, source)
    assert source.reads == 3


def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    """The next one tries again."""
    cache, begun, go, told = Cache(), threading.Event(), threading.Event(), []

    def failing() -> Retrieved:
        begun.set()
        go.wait(10)
        raise HodeiError(Kind.NETWORK, "no answer")

    def ask() -> None:
        with pytest.raises(HodeiError, match="no answer"):
            cache.get(CURRENT, failing)
        told.append(1)

    threads = [threading.Thread(target=ask) for _unused in range(3)]
    for one in threads:
        one.start()
    begun.wait(10)
    go.set()
    for one in threads:
        one.join(10)
    assert len(told) == 3
    source = Source()
    cache.get(CURRENT, source)
    assert source.reads == 1


def test_closed_gives_nothing_more() -> None:
    """And keeps nothing that was being read."""
    cache, source = Cache(), Source()

    def closing() -> Retrieved:
        cache.close()
        return source()

    cache.get(CURRENT, closing)
    with pytest.raises(HodeiError, match="has ended"):
        cache.get(CURRENT, source)
    assert source.reads == 1
