# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed gives, cleans up, and says why it has not."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.hodei.workers.tests.testbed import bed as beds
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed, Unavailable, resource
from ansible_collections.hodei.workers.tests.testbed.find import program
from ansible_collections.hodei.workers.tests.testbed.network import Network, here, outside
from ansible_collections.hodei.workers.tests.testbed.plugin import PytestBed, skips
from ansible_collections.hodei.workers.tests.testbed.resources import answers
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two resources that write down what becomes of them, and two that cannot be had."""
    monkeypatch.setattr(beds, "RESOURCES", {})
    written: list[str] = []

    @resource
    def one(testbed: Testbed) -> Iterator[str]:
        written.append("one begins")
        yield "one"
        written.append("one ends")

    @resource
    def two(testbed: Testbed) -> Iterator[str]:
        yield f"two on {testbed.need('one')}"
        written.append("two ends")

    @resource
    def impossible(testbed: Testbed) -> Iterator[None]:
        raise Unavailable("not on this machine", possible=False)
        yield  # pylint: disable=unreachable

    @resource
    def missing(testbed: Testbed) -> Iterator[None]:
        raise Unavailable("the mirror is down", possible=True)
        yield  # pylint: disable=unreachable

    return written


def test_each_resource_is_given_once_and_taken_back_in_turn(log: list[str]) -> None:
    testbed = Testbed({})
    assert [testbed.need("two"), testbed.need("one"), testbed.need("two")] == ["two on one", "one", "two on one"]
    assert log == ["one begins"]
    testbed.close()
    assert log == ["one begins", "two ends", "one ends"]


@pytest.mark.parametrize("name", ["impossible", "missing"])
def test_what_is_not_there_is_a_skip(log: list[str], name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"testbed: {name}: "):
        PytestBed({}).need(name)


def test_in_ci_what_could_have_been_there_is_a_failure(log: list[str]) -> None:
    with pytest.raises(pytest.fail.Exception, match="missing must be there when CI=true: the mirror is down"):
        PytestBed({"CI": "true"}).need("missing")
    with pytest.raises(pytest.skip.Exception):
        PytestBed({"CI": "true"}).need("impossible")


def test_skips_are_listed_by_reason() -> None:
    def report(test: str, reason: str) -> SimpleNamespace:
        return SimpleNamespace(nodeid=test, longrepr=("file.py", 1, f"Skipped: {reason}"))

    reports = [report("a", "testbed: x: no root"), report("b", "testbed: x: no root"), report("c", "something else")]
    assert skips(reports) == {"x: no root": ["a", "b"]}


def test_addresses_and_cache(tmp_path: Path) -> None:
    testbed = Testbed({"HODEI_TEST_VAULT": "https://vault", "HODEI_TEST_EMPTY": "", "XDG_CACHE_HOME": str(tmp_path)})
    assert testbed.address("vault") == "https://vault"
    assert testbed.address("empty") is None
    assert testbed.cache == tmp_path / "hodei-workers" / "testbed"
    assert testbed.cache.is_dir()


class Machine:
    """A machine whose package manager fails some times, and then installs a program."""

    def __init__(self, place: Path, *, failures: int = 0) -> None:
        self.path, self.failures, self.commands = place / "bin", failures, list[str]()
        self.path.mkdir()
        self.add("apt-get")

    def add(self, name: str) -> None:
        (self.path / name).touch(mode=0o755)

    def run(self, command: Sequence[str]) -> str:
        self.commands.append(command[1])
        if command[1] == "install":
            self.failures -= 1
            if self.failures >= 0:
                return "E: unable to locate package"
            self.add(command[-1].removesuffix("-package"))
        return ""

    def program(self, name: str, cache: Path) -> str:
        return program(name, apt=f"{name}-package", cache=cache, run=self.run, path=str(self.path))


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.usefixtures("root")
class TestProgram:
    """From the path, else installed, else a reason."""

    def test_that_is_there(self, tmp_path: Path) -> None:
        machine = Machine(tmp_path)
        machine.add("server")
        assert machine.program("server", tmp_path) == str(tmp_path / "bin" / "server")
        assert machine.commands == []

    def test_that_is_installed(self, tmp_path: Path) -> None:
        machine = Machine(tmp_path)
        assert machine.program("server", tmp_path) == str(tmp_path / "bin" / "server")
        assert machine.commands == ["install"]

    def test_after_the_lists_were_updated(self, tmp_path: Path) -> None:
        machine = Machine(tmp_path, failures=1)
        machine.program("server", tmp_path)
        assert machine.commands == ["install", "update", "install"]

    def test_that_cannot_be_installed(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="could not be installed: E: unable to locate package") as error:
            Machine(tmp_path, failures=2).program("server", tmp_path)
        assert error.value.possible

    def test_as_an_ordinary_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        with pytest.raises(Unavailable, match="only root can") as error:
            Machine(tmp_path).program("server", tmp_path)
        assert not error.value.possible


def test_http_service_answers_and_counts() -> None:
    testbed = Testbed({})
    service = testbed.need("http")
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/") as answer:
        assert answer.status == 200
    assert service.requests == 1
    testbed.close()
    assert not answers(service.port)


def test_waiting_ends_with_what_was_waited_for() -> None:
    found = iter([0, 0, 7])
    assert wait_for(lambda: next(found), "a number") == 7
    with pytest.raises(AssertionError, match="in vain for the impossible"):
        wait_for(lambda: False, "the impossible", seconds=0.05)


def test_a_network_of_its_own_has_nothing_but_itself() -> None:
    home, own = here(), Network()
    with own.entered():
        if here() == home:
            pytest.skip("this user may not make a network")
        inside = here()
        assert [name for _unused, name in socket.if_nameindex()] == ["lo"]
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            pass
        with outside():
            assert here() == home
        assert here() == inside
    assert here() == home
    with own.entered():
        assert here() == inside
