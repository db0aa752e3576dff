# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a spec to the body of a create."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import CreateRequest, Labels
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.mapping import Settings, create_body


def body(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the Engine is asked for."""
    request = CreateRequest(
        operation="op",
        address=Address("worker", "web", None),
        generation=1,
        spec=spec,
        digest="d",
        labels=Labels("ci", "lineage", "key"),
    )
    return create_body(request, Settings("docker", "ci"), {}, **more)


def test_a_program_takes_the_place_of_the_images_entry_point() -> None:
    """With the command as its arguments; without it the image's own stays."""
    made = body({"image": "a", "program": "/bin/$(NAME)", "command": ["-x", "$(NAME)"], "env": {"NAME": "serve"}})
    assert made["Entrypoint"] == ["/bin/serve"]
    assert made["Cmd"] == ["-x", "serve"]
    assert "Entrypoint" not in body({"image": "a", "command": ["-x"]})


def test_volumes() -> None:
    """A relative path lies in the image's working directory; what needs an SELinux label is a bind, all else a mount."""
    volumes = [
        {"name": "a", "path": "data"},
        {"name": "b", "path": "/b", "type": "named", "read_only": True},
        {"name": "c", "path": "/c", "type": "host", "source": "/srv"},
        {"name": "d", "path": "/d", "type": "host", "source": "/srv", "relabel": "private", "read_only": True},
        {"name": "e", "path": "/e", "type": "tmpfs", "size": 5, "mode": "0700"},
        {"name": "f", "path": "/f", "type": "tmpfs", "read_only": True},
    ]
    made = body({"image": "a", "user": "7:8", "volumes": volumes, "cwd": "data/x"}, home="/srv/app")
    assert made["HostConfig"]["Mounts"] == [
        {"Type": "volume", "Target": "/srv/app/data", "ReadOnly": False},
        {
            "Type": "volume",
            "Target": "/b",
            "ReadOnly": True,
            "Source": "b",
            "VolumeOptions": {"Labels": {"hodei.volume-of": "ci"}},
        },
        {"Type": "bind", "Target": "/c", "ReadOnly": False, "Source": "/srv"},
    ]
    assert made["HostConfig"]["Binds"] == ["/srv:/d:Z,ro"]
    assert made["HostConfig"]["Tmpfs"] == {"/e": "size=5,mode=0700,uid=7,gid=8", "/f": "ro"}
    assert made["WorkingDir"] == "/srv/app/data/x"
    assert "HODEI_VOLUME_A=/srv/app/data" in made["Env"]


def test_security() -> None:
    """Hardened by default, and what a document adds."""
    assert body({"image": "a"})["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    security = {
        "no_new_privileges": False,
        "seccomp": "/p.json",
        "apparmor": "mine",
        "selinux": {"type": "t", "level": "s0"},
    }
    made = body({"image": "a", "security": security}, profile="{}")
    assert made["HostConfig"]["SecurityOpt"] == ["seccomp={}", "apparmor=mine", "label=type:t", "label=level:s0"]
    unconfined = body({"image": "a", "security": {"seccomp": "unconfined"}})
    assert "seccomp=unconfined" in unconfined["HostConfig"]["SecurityOpt"]


def test_devices_and_space() -> None:
    """Only where they are asked for: an Engine without them refuses the container."""
    made = body({"image": "a", "resources": {"gpu": 2, "storage": 1 << 30}})["HostConfig"]
    assert made["DeviceRequests"] == [{"Count": 2, "Capabilities": [["gpu"]]}]
    assert made["StorageOpt"] == {"size": str(1 << 30)}
    assert not body({"image": "a"})["HostConfig"].keys() & {"DeviceRequests", "StorageOpt"}
