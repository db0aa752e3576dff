# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an image cannot be had, in words that name the cause and the cure. Pure.

The Engine passes on what a registry says, and tells what went wrong by the text only: a pull always fails with status 500.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...model.errors import HodeiError, Kind
from .registries import registry_of

Words = Callable[[str, str], tuple[str, str]]


def _not_there(image: str, user: str) -> tuple[str, str]:
    return f"registry {registry_of(image)} has no such image", "Correct the name, or push it there."


def _refused(image: str, user: str) -> tuple[str, str]:
    registry = registry_of(image)
    if user:
        return f"registry {registry} does not accept user {user}", "Correct the password or the user in `registries`."
    return (
        f"registry {registry} wants to know who asks",
        "Name user and password in `registries` of the provider, or run `docker login` where the task runs.",
    )


def _forbidden(image: str, user: str) -> tuple[str, str]:
    who = f"user {user}" if user else "this user"
    return (
        f"registry {registry_of(image)} does not let {who} pull it, or has no such image",
        "Correct the name, have the right granted, or name another user in `registries` of the provider.",
    )


#: What is found in the text (moby, distribution and Go's net/http), most telling first; the kind; what to say and to do.
_CAUSES: tuple[tuple[str, Kind, Words], ...] = (
    (
        r"toomanyrequests|429 Too Many Requests|rate limit",
        Kind.RESOURCE_EXHAUSTED,
        lambda image, user: (
            f"registry {registry_of(image)} has had too many pulls from here",
            "Wait, log in (`registries`), or use a mirror of your own.",
        ),
    ),
    (
        r"no matching manifest|does not match the specified platform",
        Kind.COMPATIBILITY,
        lambda image, user: (
            "it is not there for the platform of the Engine",
            "Choose a tag that is, or another Engine.",
        ),
    ),
    (
        r"no space left on device|not enough space",
        Kind.RESOURCE_EXHAUSTED,
        lambda image, user: (
            "the Engine's disk is full",
            "Make room: `docker system df` shows what takes it, fleet_images removes images that nobody uses.",
        ),
    ),
    (r"pull access denied|\bdenied\b|403 Forbidden|HTTP 403", Kind.AUTHORIZATION, _forbidden),
    (r"no basic auth credentials|unauthorized|401 Unauthorized|HTTP 401", Kind.AUTHENTICATION, _refused),
    (r"manifest unknown|not found|name unknown|repository .*not exist", Kind.NOT_FOUND, _not_there),
    (
        r"invalid reference format|invalid checksum digest",
        Kind.VALIDATION,
        lambda image, user: ("that is no name of an image", "Write registry/team/app:tag, all of it in lower case."),
    ),
    (
        r"server gave HTTP response to HTTPS client",
        Kind.CONFIGURATION,
        lambda image, user: (
            f"registry {registry_of(image)} speaks HTTP without TLS",
            "Give it a certificate, or list it under insecure-registries in the Engine's daemon.json.",
        ),
    ),
    (
        r"x509:|tls:|certificate",
        Kind.CONFIGURATION,
        lambda image, user: (
            f"the Engine does not trust registry {registry_of(image)}",
            f"Put its CA into /etc/docker/certs.d/{registry_of(image)}/ca.crt on the Engine's machine.",
        ),
    ),
    (
        r"dial |lookup |no such host|i/o timeout|connection re|Client\.Timeout|request canceled|EOF|unreachable|50[234] ",
        Kind.NETWORK,
        lambda image, user: (
            f"registry {registry_of(image)} cannot be reached from the Engine",
            "Is it running, is its name right, does the Engine need a proxy?",
        ),
    ),
)


def refusal(image: str, said: str, user: str = "") -> HodeiError:
    """Turn what the Engine said when it pulled or looked up an image into an error; ``user`` is who asked, if we know it."""
    said = " ".join(said.split())
    for pattern, kind, words in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            what, hint = words(image, user)
            return HodeiError(kind, f"image {image} cannot be had: {what} ({said})", hint=hint)
    return HodeiError(Kind.PROVIDER_SPECIFIC, f"image {image} cannot be had: {said}", hint="Look at the Engine's log.")


def silence(image: str, seconds: float) -> HodeiError:
    """Say that nothing came any more while an image was pulled."""
    return HodeiError(
        Kind.TIMEOUT,
        f"image {image} cannot be had: nothing came from registry {registry_of(image)} for {seconds:g} s",
        hint="Is it overloaded? `timeout` in the provider says how long to wait.",
    )


def missing(image: str) -> HodeiError:
    """Say that an image is not there and that none is pulled."""
    return HodeiError(
        Kind.NOT_FOUND,
        f"image {image} is not on the Engine, and `pull` is never",
        hint="Bring it there (docker load, docker build), or set `pull: missing`.",
    )
