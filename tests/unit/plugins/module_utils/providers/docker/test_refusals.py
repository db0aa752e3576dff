# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Engine says when an image cannot be had, in our words. The texts are those of real Engines and registries."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.refusals import refusal

SAID = [
    (
        "manifest for reg.example/app:9 not found: manifest unknown: manifest unknown",
        Kind.NOT_FOUND,
        "has no such image",
    ),
    (
        "pull access denied for app, repository does not exist or may require 'docker login': denied: requested access to it",
        Kind.AUTHORIZATION,
        "does not let this user pull it, or has no such image",
    ),
    (
        'Head "http://reg.example/v2/app/manifests/1": no basic auth credentials',
        Kind.AUTHENTICATION,
        "wants to know who asks",
    ),
    ("unauthorized: authentication required", Kind.AUTHENTICATION, "wants to know who asks"),
    ("denied: access forbidden", Kind.AUTHORIZATION, "does not let"),
    ("error parsing HTTP 403 response body: no error details found", Kind.AUTHORIZATION, "does not let"),
    (
        "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating",
        Kind.RESOURCE_EXHAUSTED,
        "too many pulls",
    ),
    ("no matching manifest for linux/amd64 in the manifest list entries", Kind.COMPATIBILITY, "platform of the Engine"),
    ("failed to register layer: write /data: no space left on device", Kind.RESOURCE_EXHAUSTED, "disk is full"),
    (
        'Get "https://reg.example/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
        Kind.NETWORK,
        "cannot be reached",
    ),
    ('Get "https://reg.example/v2/": dial tcp: lookup reg.example: no such host', Kind.NETWORK, "cannot be reached"),
    (
        'Get "https://reg.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded)',
        Kind.NETWORK,
        "cannot be reached",
    ),
    ("received unexpected HTTP status: 503 Service Unavailable", Kind.NETWORK, "cannot be reached"),
    (
        'Get "https://reg.example/v2/": x509: certificate signed by unknown authority',
        Kind.CONFIGURATION,
        "does not trust",
    ),
    (
        'Get "https://reg.example/v2/": http: server gave HTTP response to HTTPS client',
        Kind.CONFIGURATION,
        "speaks HTTP without TLS",
    ),
    ("invalid reference format: repository name must be lowercase", Kind.VALIDATION, "no name of an image"),
    ("something new", Kind.PROVIDER_SPECIFIC, "something new"),
]


@pytest.mark.parametrize(("said", "kind", "words"), SAID, ids=[words for _unused, _kind, words in SAID])
def test_cause_and_cure(said: str, kind: Kind, words: str) -> None:
    """Each names the image, says why in a person's words, keeps the Engine's, and says what to do."""
    error = refusal("reg.example/app:9", said)
    assert error.kind is kind
    assert words in error.message
    assert "image reg.example/app:9" in error.message
    assert said in error.message
    assert error.hint


def test_whoever_asked_is_named() -> None:
    """A wrong password is another mistake than none."""
    error = refusal("reg.example/app:9", "unauthorized: authentication required", "ci")
    assert "registry reg.example does not accept user ci" in error.message
