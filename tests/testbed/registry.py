# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry of images on this machine, which an Engine on it may use without TLS: any address of 127.0.0.0/8."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from ansible_collections.hodei.workers.tests.testbed.bed import Testbed, Unavailable, resource
from ansible_collections.hodei.workers.tests.testbed.dockerd import DockerEngine
from ansible_collections.hodei.workers.tests.testbed.find import program
from ansible_collections.hodei.workers.tests.testbed.resources import answers, free_port
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

USER, PASSWORD = "ci", "open sesame"
_BCRYPT = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
_REQUEST = re.compile(r'"(GET|HEAD|PUT) (/v2/\S+) HTTP/[\d.]+" (\d+)')


class Registry:
    """Two doors to one store: ``open`` lets everybody in, ``closed`` USER with PASSWORD. ``engine`` fills it."""

    def __init__(self, place: Path, engine: DockerEngine, busybox: str) -> None:
        self.open, self.closed = (f"127.0.0.1:{free_port()}" for _unused in range(2))
        self._place = place
        self._engine = engine
        self._busybox = busybox

    def push(self, name: str, text: str) -> str:
        """Make an image, push it, and keep no copy; returns its digest."""
        repository, tag = self.build(name, text)
        api = self._engine.api
        said = list(api.push(repository, tag, stream=True, decode=True))
        api.remove_image(f"{repository}:{tag}")
        return str(next(line["aux"]["Digest"] for line in said if "aux" in line))

    def build(self, name: str, text: str) -> list[str]:
        """Make an image on the Engine that has a shell and the file /version with a text; returns its repository and tag."""
        repository, tag = f"{self.open}/{name}".rsplit(":", 1)
        files = {
            "version": text,
            "origin": self.open,
        }  # the Engine has no layer of another registry's in common with it
        self._engine.api.import_image_from_data(_file_system(self._busybox, files), repository, tag)
        return [repository, tag]

    def requests(self, method: str, path: str) -> int:
        """Count what was asked for at either door: ``GET``, ``app/blobs/``."""
        text = "".join((self._place / name).read_text() for name in ("open.log", "closed.log"))
        return sum(one[0] == method and one[1].startswith(f"/v2/{path}") for one in _REQUEST.findall(text))

    def pulls(self, name: str) -> int:
        """Count how often the layers of an image were fetched."""
        repository, _unused, tag = name.partition(":")
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        request = urllib.request.Request(f"http://{self.open}/v2/{repository}/manifests/{tag}", headers=accept)
        with urllib.request.urlopen(request, timeout=10) as answer:
            layers = json.load(answer)["layers"]
        return sum(self.requests("GET", f"{repository}/blobs/{layer['digest']}") for layer in layers)

    def here(self) -> set[str]:
        """Name the images of this registry that the Engine has."""
        return {name for one in self._engine.api.images() for name in one["RepoTags"] or () if self._ours(name)}

    def forget(self) -> None:
        """Take all images of this registry from the Engine."""
        for one in self._engine.api.images():
            if any(map(self._ours, [*(one["RepoTags"] or ()), *(one["RepoDigests"] or ())])):
                self._engine.api.remove_image(one["Id"], force=True)

    def _ours(self, name: str) -> bool:
        return name.startswith((self.open, self.closed))


@resource
def registry(testbed: Testbed) -> Iterator[Registry]:
    """A registry beside the Docker Engine of the test bed."""
    engine = testbed.need("docker")
    if not engine.url.startswith("unix://"):
        raise Unavailable("an Engine on another machine cannot use a registry on this one", possible=False)
    server = program("docker-registry", apt="docker-registry", cache=testbed.cache)
    busybox = program("busybox", apt="busybox-static", cache=testbed.cache)
    place = Path(tempfile.mkdtemp(prefix="hodei-registry-"))
    made = Registry(place, engine, busybox)
    (place / "htpasswd").write_text(f"{USER}:{_BCRYPT}\n")
    processes = []
    try:
        for name, address in (("open", made.open), ("closed", made.closed)):
            processes.append(_serve(server, place, name, address))
        wait_for(
            lambda: all(answers(int(one.rpartition(":")[2])) for one in (made.open, made.closed)),
            "a registry to listen",
        )
        yield made
        made.forget()
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)
        shutil.rmtree(place)


def _serve(server: str, place: Path, name: str, address: str) -> subprocess.Popen[bytes]:
    """Start a server; its configuration is YAML, and so is JSON."""
    configuration = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(place / "data")}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    if name == "closed":
        configuration["auth"] = {"htpasswd": {"realm": "test", "path": str(place / "htpasswd")}}
    (place / f"{name}.json").write_text(json.dumps(configuration))
    with open(place / f"{name}.log", "wb") as log:
        return subprocess.Popen([server, "serve", place / f"{name}.json"], stdout=log, stderr=log)


def _file_system(busybox: str, files: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.add(Path(busybox).resolve(), "bin/busybox")
        for applet in ("sh", "sleep", "cat"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, text in files.items():
            file = tarfile.TarInfo(name)
            file.size = len(text)
            tar.addfile(file, io.BytesIO(text.encode()))
    return made.getvalue()
