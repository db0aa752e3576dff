# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of a run, on an Engine that is not there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.images import Images, _named, in_parallel

WORKERS = 20


class FakeEngine:
    """Has the images in ``there``; a pull adds one, or says ``error``."""

    timeout = 5.0

    def __init__(self, *there: str, error: str = "") -> None:
        self.there = {*there}
        self.error = error
        self.pulled: list[str] = []
        self.platforms: list[dict[str, str]] = []
        self.together = self.most = 0
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self.about = {"Os": "linux", "Arch": "amd64"}
        self.api: Any = self
        self._auth_configs: Any = self
        self.endpoint = self
        self.url = "unix:///x"

    def resolve_authconfig(self, registry: str) -> None:
        """Nobody logged in."""

    def get(self, path: str) -> dict[str, Any]:
        """Answer an inspect."""
        name = path.removeprefix("/images/").removesuffix("/json")
        if name not in self.there:
            raise HodeiError(Kind.NOT_FOUND, "no such image")
        return {"Id": f"sha256:{name}"}

    def _url(self, path: str, *words: str) -> str:
        return path.format(*words)

    def _raise_for_status(self, answer: Any) -> None:
        """All is well."""

    def _post(self, url: str, params: dict[str, str], **more: Any) -> str:
        return f"{params['fromImage']}:{params['tag']}"

    def _stream_helper(self, name: str, decode: bool) -> Iterator[dict[str, Any]]:
        with self.lock:
            self.pulled.append(name)
            self.together += 1
            self.most = max(self.most, self.together)
        yield {"id": "layer", "status": "Downloading", "progressDetail": {"current": 1, "total": 4}}
        assert self.gate.wait(10)
        with self.lock:
            self.together -= 1
        if self.error:
            yield {"error": self.error}
            return
        self.there.add(name)
        yield {"id": "layer", "status": "Pull complete"}

    def _get(self, url: str, **more: Any) -> str:
        return url

    def _result(self, answer: Any, json: bool) -> dict[str, Any]:
        kind = "application/vnd.oci.image.index.v1+json"
        return {"Descriptor": {"mediaType": kind, "digest": "sha256:1"}, "Platforms": self.platforms}


def images(engine: Any, **config: Any) -> Images:
    """Return the images of a run."""
    return Images(engine, config, {})


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("app", ("app", "latest")),
        ("reg:5000/app", ("reg:5000/app", "latest")),
        ("reg:5000/app:1", ("reg:5000/app", "1")),
        ("app@sha256:0", ("app", "sha256:0")),
        ("reg:5000/app:1@sha256:0", ("reg:5000/app:1", "sha256:0")),
    ],
)
def test_name_and_tag(image: str, named: tuple[str, str]) -> None:
    """Never without a tag: the Engine would pull all."""
    assert _named(image) == named


def test_many_ask_one_pulls() -> None:
    """And the others wait for it."""
    engine = FakeEngine()
    engine.gate.clear()
    found = images(engine)
    threads = [threading.Thread(target=found.have, args=("app:1", "missing")) for _unused in range(WORKERS)]
    for one in threads:
        one.start()
    engine.gate.set()
    for one in threads:
        one.join(10)
    assert engine.pulled == ["app:1"]


def test_all_hear_of_the_same_error() -> None:
    """One pull for it, too."""
    engine = FakeEngine(error="manifest unknown")
    found = images(engine)
    for _unused in range(3):
        with pytest.raises(HodeiError, match="has no such image"):
            found.have("app:1", "missing")
    assert engine.pulled == ["app:1"]


def test_a_few_pulls_at_a_time_and_their_progress() -> None:
    """Bytes of all images together."""
    engine = FakeEngine("c:1")
    told: list[tuple[int, int]] = []
    wanted = [(f"{letter}:1", "missing") for letter in "abcdefg"]
    assert images(engine).prepare(wanted, lambda done, total: told.append((done, total))) == {}
    assert len(engine.pulled) == 6
    assert engine.most <= 3
    assert max(told) == (24, 24)


@pytest.mark.parametrize(
    ("policy", "there", "pulls"),
    [("missing", True, 0), ("missing", False, 1), ("always", True, 1), ("always", False, 1), ("never", True, 0)],
)
def test_policies(policy: str, there: bool, pulls: int) -> None:
    """What each pulls."""
    engine = FakeEngine(*(["app:1"] if there else []))
    images(engine).have("app:1", policy)
    assert len(engine.pulled) == pulls


def test_what_a_digest_names_is_pulled_once_for_good() -> None:
    """It cannot have changed."""
    engine = FakeEngine("app@sha256:0")
    images(engine).have("app@sha256:0", "always")
    assert not engine.pulled


def test_never_says_what_to_do() -> None:
    """It pulls nothing."""
    engine = FakeEngine()
    with pytest.raises(HodeiError, match=r"app:1 is not on the Engine.*docker load"):
        images(engine).have("app:1", "never")
    assert not engine.pulled


def test_whoever_closes_gives_up_a_pull() -> None:
    """At the next word of the Engine."""
    engine = FakeEngine()
    found = images(engine)
    found.close()
    engine._post = lambda url, **more: Answer()  # type: ignore[method-assign, assignment]
    with pytest.raises(HodeiError, match="given up"):
        found.have("app:1", "missing")


class Answer:
    """What can be closed."""

    def close(self) -> None:
        """Hang up."""


def test_a_fault_in_a_thread_is_raised_when_all_are_done() -> None:
    """It is lost with none."""
    done: list[int] = []

    def call(number: int) -> None:
        if number == 1:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="1"):
        in_parallel(call, [(number,) for number in range(WORKERS)])
    assert len(done) == WORKERS - 1


def test_a_platform_that_an_image_is_not_there_for() -> None:
    """Is known when the plan is made."""
    engine = FakeEngine()
    engine.platforms = [{"os": "linux", "architecture": "arm64"}]
    error = images(engine).problems([("app:1", "missing"), ("app:1", "missing")])["app:1", "missing"]
    assert error.kind is Kind.COMPATIBILITY
    assert "linux/amd64; it is there for linux/arm64" in error.message
    engine.platforms.append({"os": "linux", "architecture": "amd64"})
    assert images(engine).problems([("app:1", "missing")]) == {}
    assert not engine.pulled
