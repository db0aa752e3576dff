# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: there, and allowed, before a container is made of them; each pulled once however many ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote

from ...model.credential import again
from ...model.errors import HodeiError, Kind
from ...model.store import StoreError
from .engine import Engine
from .refusals import missing, refusal, silence
from .registries import Registries
from .sdk import told

#: An Engine pulls three layers at a time (max-concurrent-downloads); more images at once only take turns.
_PULLS = 3
#: So many images are looked at, or waited for, at the same time.
_AT_ONCE = 8
#: What a registry may take to answer a question while a plan is made.
_ANSWER = 15.0
#: What the document, and not the day, is to blame for.
_LASTING = (
    Kind.NOT_FOUND,
    Kind.AUTHENTICATION,
    Kind.AUTHORIZATION,
    Kind.COMPATIBILITY,
    Kind.CONFIGURATION,
    Kind.VALIDATION,
)

Wanted = tuple[str, str]
Tell = Callable[[int, int], None]


class Images:
    """The images of one Engine, as one run needs them: what is ``Wanted`` is an image and how it is pulled."""

    def __init__(self, engine: Engine, config: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._engine = engine
        self._environ = environ
        self._scan: Mapping[str, Any] = config.get("scan") or {}
        self._registries = Registries(engine, config.get("registries", ()))
        self._lock = threading.Lock()
        self._done: dict[Hashable, Future[Any]] = {}
        self._room = threading.Semaphore(_PULLS)
        self._layers: dict[tuple[str, str], tuple[int, int]] = {}
        self._tell: Tell | None = None
        self._over = False

    # ---- having --------------------------------------------------------------------------------------------------

    def have(self, image: str, policy: str) -> None:
        """Have an image, whoever asked for it first. Raises HodeiError."""
        self._once((image, policy), lambda: self._have(image, policy))

    def prepare(self, wanted: Iterable[Wanted], tell: Tell | None = None) -> dict[Wanted, HodeiError]:
        """Have all images, several at the same time; returns what cannot be had. ``tell`` gets the bytes pulled, and of how many."""
        self._tell = tell
        refused: dict[Wanted, HodeiError] = {}

        def one(image: str, policy: str) -> None:
            try:
                self.have(image, policy)
            except StoreError:
                return  # its password may be written by this very run: who needs the image asks again
            except HodeiError as error:
                refused[image, policy] = error

        in_parallel(one, wanted)
        return refused

    def close(self) -> None:
        """Give up what is still being pulled."""
        self._over = True

    def look(self, image: str) -> Mapping[str, Any] | None:
        """Return what the Engine tells of an image by its name or id; None when there is none."""
        try:
            found: Mapping[str, Any] = self._engine.get(f"/images/{quote(image, safe='/:@')}/json")
        except HodeiError as error:
            if error.kind is Kind.NOT_FOUND:
                return None
            raise
        return found

    def _once(self, key: Hashable, call: Callable[[], Any]) -> Any:
        """Do something for whoever asks first; the others wait and get the same answer, or the same error.

        Who asks after an error that may pass has it tried again.
        """
        with self._lock:
            first = key not in self._done
            done = self._done.setdefault(key, Future())
        if first:
            try:
                done.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whoever waits has to hear of it, whatever it is
                if isinstance(error, StoreError) or (isinstance(error, HodeiError) and error.retryable):
                    with self._lock:
                        del self._done[key]
                done.set_exception(error)
        return done.result()

    def _have(self, image: str, policy: str) -> None:
        fresh = policy == "always" and "@" not in image  # what a digest names never changes
        found = None if fresh else self.look(image)
        if found is None:
            if policy == "never":
                raise missing(image)
            with self._room:
                self._pull(image)
            found = self.look(image)
        if found is not None and self._scan:
            number = str(found["Id"])
            self._once(number, lambda: self._allowed(image, number, **self._scan))

    def _allowed(self, image: str, number: str, command: Sequence[str], timeout: float) -> None:
        from .scanning import scan

        scan(command, timeout, image, number, {**self._environ, "DOCKER_HOST": self._engine.endpoint.url})

    # ---- pulling -------------------------------------------------------------------------------------------------

    def _pull(self, image: str) -> None:
        again(self._registries.credentials(image), lambda: self._pulled(image), _is_refusal)

    def _pulled(self, image: str) -> None:
        name, tag = _named(image)
        api, timeout = self._engine.api, self._engine.timeout
        headers = self._registries.headers(image)
        said = ""
        try:
            with told():
                answer = api._post(
                    api._url("/images/create"),
                    params={"fromImage": name, "tag": tag},
                    headers=headers,
                    stream=True,
                    timeout=timeout,
                )
                api._raise_for_status(answer)
                for line in api._stream_helper(answer, decode=True):
                    said = line.get("error", said)
                    self._progress(image, line)
                    if self._over:
                        answer.close()  # the Engine gives up as soon as nobody listens
                        said = "given up"
                        break
        except HodeiError as error:
            if error.kind is Kind.NETWORK:
                raise
            if error.kind is Kind.TIMEOUT:
                raise silence(image, timeout) from None
            said = error.message
        if said:
            raise refusal(image, said, self._registries.user(image))

    def _progress(self, image: str, line: Mapping[str, Any]) -> None:
        if self._tell is None or not line.get("id"):
            return
        layer, detail = (image, line["id"]), line.get("progressDetail") or {}
        if line.get("status") == "Downloading" and detail.get("total"):
            self._layers[layer] = (detail["current"], detail["total"])
        elif layer in self._layers and line.get("status") in ("Download complete", "Pull complete"):
            self._layers[layer] = (self._layers[layer][1],) * 2
        else:
            return
        layers = list(self._layers.values())
        self._tell(sum(done for done, _unused in layers), sum(total for _unused, total in layers))

    # ---- asking the registry -------------------------------------------------------------------------------------

    def ask(self, image: str) -> Mapping[str, Any]:
        """Return what an image's registry says of it: digest and platforms. Raises HodeiError."""
        found: Mapping[str, Any] = self._once(("ask", image), lambda: self._ask(image))
        return found

    def _ask(self, image: str) -> Any:
        return again(self._registries.credentials(image), lambda: self._asked(image), _is_refusal)

    def _asked(self, image: str) -> Any:
        api, headers = self._engine.api, self._registries.headers(image)
        seconds = min(self._engine.timeout, _ANSWER)
        try:
            with told():
                url = api._url("/distribution/{0}/json", image)
                return api._result(api._get(url, headers=headers, timeout=seconds), json=True)
        except HodeiError as error:
            if error.kind is Kind.TIMEOUT:
                raise silence(image, seconds) from None
            raise refusal(image, error.message, self._registries.user(image)) from None

    def problems(self, wanted: Iterable[Wanted]) -> dict[Wanted, HodeiError]:
        """Return which images certainly cannot be had, and why; changes nothing. What may pass is left to the pull."""
        refused: dict[Wanted, HodeiError] = {}

        def one(image: str, policy: str) -> None:
            try:
                if self.look(image) is not None:
                    return  # an update needs no pull; that of a replacement is tried before anything is stopped
                if policy == "never":
                    raise missing(image)
                self._refuse_platform(image, self.ask(image))
            except StoreError:
                return  # as in prepare()
            except HodeiError as error:
                if error.kind in _LASTING:
                    refused[image, policy] = error

        in_parallel(one, wanted)
        return refused

    def _refuse_platform(self, image: str, found: Mapping[str, Any]) -> None:
        """A list of images is searched for one that fits; a single image is used as it is, and may be emulated."""
        kind = found["Descriptor"]["mediaType"]
        if not kind.endswith(("manifest.list.v2+json", "image.index.v1+json")):
            return
        ours = (self._engine.about["Os"], self._engine.about["Arch"])
        there = sorted({(one["os"], one["architecture"]) for one in found.get("Platforms") or ()})
        if there and ours not in there:
            listed = ", ".join("/".join(one) for one in there)
            raise refusal(image, f"no matching manifest for {'/'.join(ours)}; it is there for {listed}")


def in_parallel(call: Callable[..., None], items: Iterable[tuple[Any, ...]]) -> None:
    """Call for each, several at the same time, and wait for all; then raises what one of them raised.

    The threads hold up no process that ends.
    """
    left = list(dict.fromkeys(items))[::-1]
    faults: list[Exception] = []

    def work() -> None:
        while left:
            try:
                one = left.pop()
            except IndexError:  # another thread had the last one
                return
            try:
                call(*one)
            except Exception as error:  # noqa: BLE001 - a thread must not take it to its grave
                faults.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _unused in range(min(_AT_ONCE, len(left)))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if faults:
        raise faults[0]


def _is_refusal(error: Exception) -> bool:
    """Tell whether a registry may want another password; some say of a wrong one that it lets nobody in."""
    return isinstance(error, HodeiError) and error.kind in (Kind.AUTHENTICATION, Kind.AUTHORIZATION)


def _named(image: str) -> tuple[str, str]:
    """Return name and tag (or digest) as the API takes them; without a tag it would pull all."""
    name, _unused, digest = image.partition("@")
    if digest:
        return name, digest
    slash = image.rfind("/")
    name, colon, tag = image[slash + 1 :].partition(":")
    return image[: slash + 1] + name, tag if colon else "latest"
