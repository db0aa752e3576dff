# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of `identity`: how those who ask for secrets prove who they are."""

from __future__ import annotations

from .schema import Schema, choice, exactly_one, formatted, group, quantity

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


def _names(description: str, items: Schema | None = None, **more: object) -> Schema:
    text = items or {"type": "string", "format": "role_name"}
    return {"type": "array", "items": text, "minItems": 1, "description": description, **more}


OIDC = group(
    {
        "issuer": formatted("url", "Who issues the tokens: `iss`, character by character."),
        "audience": formatted("role_name", "Whom tokens are for: one of `aud`."),
        "clients": _names("The clients whose tokens count: `azp`."),
        "token": group(
            {
                "env": formatted("env_name", "An environment variable of the task."),
                "file": formatted("absolute_path", "A file, which is read again when the token in it has expired."),
            },
            "Where the token is; exactly one of these.",
            default={"env": "HODEI_TOKEN"},
            oneOf=exactly_one("env", "file"),
        ),
        "jwks_url": formatted(
            "url",
            "Where the issuer publishes its keys; HTTPS unless on this host. Keycloak: `<issuer>/protocol/openid-connect/certs`.",
        ),
        "jwks_file": formatted("absolute_path", "Instead of `jwks_url`: a file with the issuer's keys (JWKS)."),
        "algorithms": _names(
            "How tokens may be signed: with a private key, never with a shared one.",
            choice(ALGORITHMS, ""),
            default=["RS256", "ES256"],
        ),
        "subject_claim": formatted(
            "role_name",
            "The claim that names a user; one that users cannot change and that is never given again.",
            "sub",
        ),
        "service_account_claim": formatted(
            "role_name",
            "A claim that tokens of service accounts alone have, and that equals their client. Keycloak: `client_id`. Left out: there are "
            "no service accounts.",
        ),
        "roles_claims": _names(
            "The claims that list roles; a dot leads into an object: `resource_access.hodei.roles`.",
            default=["realm_access.roles"],
        ),
        "tenant_claim": formatted("role_name", "The claim that names the tenant. Left out: nobody has one."),
        "leeway": quantity("duration", "How far clocks may differ; two minutes at most.", "30s"),
        "timeout": quantity("positive_duration", "How long fetching the keys may take.", "5s"),
        "keep_keys": quantity("positive_duration", "How long fetched keys are believed.", "5m"),
        "ca_file": formatted(
            "absolute_path", "The certificates that vouch for the issuer. Left out: those of this host."
        ),
    },
    "A token of OpenID Connect says who asks. Its keys come from exactly one of `jwks_url` and `jwks_file`.",
    required=("issuer", "audience", "clients"),
    oneOf=exactly_one("jwks_url", "jwks_file"),
)

IDENTITY = group(
    {
        "oidc": OIDC,
        "claimed": formatted(
            "role_name",
            "What the run says of itself, such as the user whom AWX names: nobody verifies it, and it may only read what rules give to "
            "`claimed:NAME`.",
        ),
    },
    "Who asks for secrets; one of these. Left out: the user who runs the task, as the kernel knows it.",
    default={},
    not_={"required": ["oidc", "claimed"]},
)
