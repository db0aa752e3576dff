# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The broker on bad days: its playbook dies, it dies itself, and all come at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.broker.client import Refused
from ansible_collections.hodei.workers.plugins.module_utils.broker.processes import started_at
from ansible_collections.hodei.workers.tests.support.broker_program import canary
from ansible_collections.hodei.workers.tests.support.brokers import Bed, Fork, forked, read
from ansible_collections.hodei.workers.tests.support.places import short_directory
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

CANARY = canary("db/password")
#: What the issue allows for the values to be gone in; the rest is the scheduler of a busy machine.
GONE_SECONDS = 1.0


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A playbook's directory; whatever broker serves there is ended."""
    with short_directory() as place, closing(Bed(place)) as made:
        yield made


def memory_has(pid: int, needle: bytes) -> bool:
    """Search all that a process has in memory; root may."""
    with (
        open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps,
        open(f"/proc/{pid}/mem", "rb", 0) as mem,
    ):
        for line in maps:
            span, access = line.split()[:2]
            if not access.startswith("r") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            tail = b""
            for at in range(start, end, 1 << 20):
                try:
                    mem.seek(at)
                    chunk = mem.read(min(1 << 20, end - at))
                except (OSError, ValueError, OverflowError):
                    break
                if needle in tail + chunk:
                    return True
                tail = chunk[-len(needle) :]
    return False


def test_fifty_forks_at_once_start_one_broker_that_logs_in_and_reads_once(bed: Bed) -> None:
    """Also with a store that takes its time: all fifty wait for the same answer."""
    playbook = bed.playbook
    forks = [Fork(lambda: bed.value(playbook, slow=0.3)) for _unused in range(50)]
    try:
        assert [one.said() for one in forks] == [CANARY] * 50
        assert len(bed.brokers()) == 1
    finally:
        for one in forks:
            one.end()
    assert [len(bed.lines(word)) for word in ("start", "login", "read", "use")] == [1, 1, 1, 50]


def test_a_thousand_lookups_read_each_secret_once(bed: Bed) -> None:
    """One by one, as the tasks of a play do."""
    client = bed.client()
    for number in range(1000):
        client.ask(read(f"s{number % 10}"))
    assert (len(bed.lines("login")), len(bed.lines("read"))) == (1, 10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_when_the_playbook_ends_values_are_gone_and_sessions_logged_out(bed: Bed, number: signal.Signals) -> None:
    """However it ends. What cannot be logged out of is tried for ten seconds, and the memory has no value meanwhile."""
    config = {"logout": "hangs"}

    def play() -> None:
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_DFL)
        client = bed.client()
        client.ask(read(config=config))
        client.ask(read(field="", name="db/password", version=3, config=config))

    with forked(play) as playbook:
        assert playbook.said() == "None"
        (broker,) = bed.brokers()
        if os.geteuid() == 0:
            assert memory_has(broker, CANARY.encode()), "the control: it is there to be found"
        before = time.monotonic()
        playbook.end(number)
    wait_for(lambda: bed.lines("logout"), "the logout")
    if os.geteuid() == 0:
        wait_for(lambda: not memory_has(broker, CANARY.encode()), "the value to be gone")
    assert time.monotonic() - before < GONE_SECONDS + 1
    assert bed.brokers() == [broker], "it is still trying to log out"
    assert not any(bed.meeting.iterdir())


def test_what_could_not_be_logged_out_of_is_logged_with_its_end(bed: Bed) -> None:
    """So that somebody may see to it until then."""
    config = {"logout": "the token may not revoke itself", "kind": "authorization"}
    with forked(lambda: bed.client().ask(read(config=config)).head) as playbook:
        playbook.said()
    wait_for(bed.log, "the log")
    problem = "could not log out (the token may not revoke itself); it ends by itself at 2100-01-01T00:00:00Z"
    assert problem in bed.log()
    wait_for(lambda: not bed.brokers(), "its end")
    assert CANARY not in bed.log()


def test_a_broker_killed_in_the_middle_costs_one_more_login(bed: Bed) -> None:
    """Whoever is connected notices, and so does whoever comes later."""
    old, other = bed.client(), bed.client()
    old.ask(read())
    other.ask(read())
    (broker,) = bed.brokers()
    os.kill(broker, signal.SIGKILL)
    wait_for(lambda: started_at(broker) is None, "its death")
    assert [one.ask(read()).body.decode() for one in (old, other, bed.client())] == [CANARY] * 3
    assert len(bed.brokers()) == 1
    assert (len(bed.lines("login")), len(bed.lines("read"))) == (2, 2)


def test_a_broker_that_is_asked_to_end_makes_place_for_another(bed: Bed) -> None:
    """It still tries to log out when the next one serves."""
    client = bed.client()
    client.ask(read(config={"logout": "hangs"}))
    (broker,) = bed.brokers()
    os.kill(broker, signal.SIGTERM)
    wait_for(lambda: bed.lines("logout"), "the logout")
    assert client.ask(read()).body.decode() == CANARY
    assert len(bed.brokers()) == 2


def test_the_broker_does_not_die_of_the_terminal(bed: Bed) -> None:
    """Ctrl-C goes to the process group of the playbook: the broker is in none of its groups, and nobody's child."""
    with forked(lambda: bed.client().ask(read()).head) as playbook:
        playbook.said()
        (broker,) = bed.brokers()
        fields = Path(f"/proc/{broker}/stat").read_text().rpartition(")")[2].split()
        assert int(fields[2]) not in (os.getpgrp(), playbook.pid)
        assert int(fields[1]) not in (playbook.pid, os.getpid())


def test_a_changed_address_is_another_session_and_another_value(bed: Bed) -> None:
    """The name of the store says nothing: whoever presents another configuration gets nothing that was read with the first."""
    client = bed.client()
    for config in ({"url": "https://a"}, {"url": "https://b"}, {"url": "https://a", "auth": {"role": "x"}}):
        client.ask(read(config=config))
        client.ask(read(config=config))
    assert (len(bed.lines("login")), len(bed.lines("read"))) == (3, 3)


def test_a_refused_login_is_not_tried_again_by_each_host(bed: Bed) -> None:
    """Twenty hosts with a wrong password would lock the account."""
    client = bed.client()
    for _unused in range(20):
        with pytest.raises(Refused, match="wrong password"):
            client.ask(read(config={"login": "wrong password"}))
    assert (len(bed.lines("login")), len(bed.lines("read"))) == (1, 0)


def test_a_failed_read_is_told_and_not_kept(bed: Bed) -> None:
    """What is missing now may be there the next time."""
    client = bed.client()
    for _unused in range(2):
        with pytest.raises(Refused) as caught:
            client.ask(read("missing"))
        assert caught.value.fault == "not_found"
    assert len(bed.lines("read")) == 2
