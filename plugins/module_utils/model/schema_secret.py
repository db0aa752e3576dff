# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of a secret in a document: what it is, how its value comes to be, and what a value must look like."""

from __future__ import annotations

from .schema import Schema, by_kind, choice, flag, formatted, group, integer, listed, mapping, quantity
from .schema_access import ACCESS

MOST_CHARACTERS = 64 << 10
MOST_PATTERN = 500
_CLASSES = {
    "lower": integer("Letters a to z.", 0, 256),
    "upper": integer("Letters A to Z.", 0, 256),
    "digits": integer("Digits 0 to 9.", 0, 256),
    "symbols": integer("Characters of `symbols`.", 0, 256),
}

_PASSWORD = group(
    {
        "length": integer("How many characters.", 8, 256, 32),
        "classes": group(
            _CLASSES,
            "The classes of characters that there may be, and how many of each there are at least. A class that is not named is not used.",
            default={"lower": 1, "upper": 1, "digits": 1, "symbols": 1},
        ),
        "symbols": formatted(
            "symbols",
            "Which symbols. Those of the default need no escaping in URLs, shells, YAML and `.env` files, and begin no option.",
            "._+=",
        ),
        "exclude": formatted("characters", "Characters that are not used, such as those that look alike: `0O1lI`.", ""),
    },
    "Every password that is allowed is as likely as every other. There have to be 2^64 or more.",
)

_TOKEN = group(
    {
        "bytes": integer("How many random bytes.", 16, 1024, 32),
        "encoding": choice(
            ["hex", "base64", "base64url"],
            "How they are written; `base64url` (letters, digits, - and _) has no padding.",
            "base64url",
        ),
    },
    "Random bytes as text.",
)

_UUID = group(
    {}, "A random UUID (version 4, 122 random bits). A name more than a secret: whoever checks tokens wants a `token`."
)

_SSH_KEY = group(
    {
        "key": choice(
            ["ed25519", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521"], "Which key.", "ed25519"
        ),
        "comment": formatted("line", "What stands behind the public key.", ""),
    },
    "A pair of keys for SSH; the private one is not encrypted.",
)

_SUBJECT = group(
    {
        "common_name": formatted("x500_name", "CN: whom it is for. Clients look at `dns` and `ip`, not here."),
        "organization": formatted("x500_name", "O."),
        "organizational_unit": formatted("x500_name", "OU."),
        "locality": formatted("x500_name", "L: the town."),
        "state": formatted("x500_name", "ST: the state or province."),
        "country": formatted("country", "C."),
    },
    "Whose it is.",
    default={},
)


def _names(fmt: str, description: str) -> Schema:
    return listed({"type": "string", "format": fmt}, description, x_set=True, uniqueItems=True)


def _uses(values: list[str], description: str) -> Schema:
    """Words in any order; left out is not the same as none, so there is no default."""
    items = {"type": "string", "enum": values}
    return {"type": "array", "items": items, "description": description, "x-set": True, "uniqueItems": True}


_TLS = group(
    {
        "key": choice(
            ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"],
            "Which key. Not every client knows `ed25519`.",
            "ecdsa-p256",
        ),
        "output": choice(
            ["certificate", "csr"],
            "What comes with the key: a certificate that it signed itself, or a request for an authority to sign.",
            "certificate",
        ),
        "subject": _SUBJECT,
        "dns": _names("dns_name", "DNS names that it is for; `*.` is allowed before a name."),
        "ip": _names("ip", "Addresses that it is for."),
        "email": _names("email", "Mail addresses that it is for."),
        "uri": _names("uri", "URIs that it is for."),
        "days": integer(
            "How many days the certificate is valid. It begins an hour ago, for clocks that are late.", 1, 7300, 365
        ),
        "ca": flag("Whether it may sign others."),
        "key_usage": _uses(
            [
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
            ],
            "What the key may be used for. Left out: `digital_signature`; `key_encipherment` too with RSA, and `key_cert_sign` and "
            "`crl_sign` with `ca`.",
        ),
        "extended_key_usage": _uses(
            ["server_auth", "client_auth", "code_signing", "email_protection", "time_stamping", "ocsp_signing"],
            "What it is for; `[]` for anything. Left out: `server_auth`, and anything with `ca`.",
        ),
    },
    "A private key, and a certificate or a request for one.",
)

_API_KEY = group(
    {
        "prefix": formatted(
            "key_prefix", "What it begins with, so that people and scanners know it when they see it: `ci_live_`."
        ),
        "length": integer("How many random letters and digits follow.", 22, 256, 40),
        "checksum": flag(
            "Whether six more follow that tell a mistyped key from a wrong one (CRC-32 of all before, to the base 62)."
        ),
    },
    "A prefix and random letters and digits.",
    required=("prefix",),
)

#: How a value comes to be. Its problems beyond the schema: model/secret_rules.py; who does it: generators/.
GENERATE: Schema = {
    **by_kind(
        {
            "password": _PASSWORD,
            "token": _TOKEN,
            "uuid": _UUID,
            "ssh_key": _SSH_KEY,
            "tls": _TLS,
            "api_key": _API_KEY,
        },
        "How the value comes to be: a `type`, and what that type asks for. The type alone will do where nothing is required: "
        "`generate: password`.",
        format="generated",
        x_shorthand="generated",
    ),
    "type": ["string", "object"],
}

FORMAT_NAMES = {
    "text": "UTF-8 without NUL",
    "json": "JSON",
    "pem": "one or more PEM blocks",
    "certificate": "one or more X.509 certificates as PEM",
    "private_key": "a private key as PEM that is not encrypted",
    "ssh_private_key": "a private key of OpenSSH that is not encrypted",
    "ssh_public_key": "a public key as a line of `authorized_keys`",
    "url": "a URL with a scheme and a host",
    "uuid": "a UUID",
    "base64": "base64, with or without line breaks",
    "jwt": "a JSON Web Token (its signature is not verified)",
    "email": "a mail address",
    "hostname": "a host name or an address",
}

_VALUE = {
    "format": choice(
        [*FORMAT_NAMES], f"What it is: {'; '.join(f'`{name}`, {what}' for name, what in FORMAT_NAMES.items())}."
    ),
    "min_length": integer("The least number of characters.", 1, MOST_CHARACTERS),
    "max_length": integer("The most characters.", 1, MOST_CHARACTERS),
    "max_bytes": quantity("size", "The most bytes, such as `4Ki`."),
    "pattern": formatted(
        "text",
        "A regular expression that the whole value matches, such as `[A-Z]{3}-[0-9]+`: characters, classes, groups, `|`, `.` and the "
        "repeats `?`, `*`, `+`, `{m,n}`. It is matched in a time that grows with the length of the value and no faster.",
    ),
    "classes": group(
        _CLASSES,
        "How many characters of each class there are at least; every sign that is no ASCII letter or digit is a symbol.",
        default={},
    ),
    "not_expired": flag("Whether certificates (the first of a chain) and JWTs have to be valid now."),
}

#: What a value must look like. Who looks: generators/rules.py.
RULES = group(
    {
        **_VALUE,
        "fields": mapping(
            "field_name",
            group(_VALUE, "What the value of this field must look like; `{}` for anything."),
            "The fields that the value, a JSON object, has at least, each with rules of its own.",
        ),
    },
    "What the value must look like, whoever gives it. A value that does not is refused before any store sees it.",
    default={},
)

_SOURCE = "Exactly one of `value`, `value_base64`, `fields`, `generate` and `from`; without any, the value comes from elsewhere."

TAGS = mapping(
    "tag_name",
    {"type": "string", "format": "tag"},
    "Tags: not secret, for people and for other tools. At most 38.",
)

FROM = group(
    {
        "secret": formatted("secret_name", "The name of that secret."),
        "store": formatted("name", "The store that it lies in. Left out: this secret's own."),
        "field": formatted("text", "One field of it."),
        "version": {
            "type": "integer",
            "minimum": 1,
            "description": "A certain version. Left out: the current one; when there is a newer one, a converge copies that.",
        },
    },
    "Another secret whose value this one gets.",
    required=("secret",),
)

LIFECYCLE = group(
    {
        "prevent_destroy": flag("Refuse to delete the secret, also when it is no longer in the document."),
        "on_remove": choice(
            ["delete", "destroy", "forget"],
            "What happens when it leaves the document: `delete` can be undone, `destroy` cannot, `forget` leaves it where it is.",
            "delete",
        ),
    },
    "How the secret may be treated.",
)

SECRET = group(
    {
        "name": formatted("secret_name", "The secret's name, such as `db/password`. `@acme/db/password` has a tenant."),
        "tenant": formatted(
            "tenant", "Whose secret it is, where several share a store. Part of its path, `@acme/db/password`."
        ),
        "store": formatted("name", "The configured store that it lies in. May be left out when there is exactly one."),
        "value": formatted("text", f"The value, from Ansible Vault or another lookup. {_SOURCE}", x_sensitive=True),
        "value_base64": formatted("base64", "The value as base64, for what is no text.", x_sensitive=True),
        "fields": {
            "type": "object",
            "propertyNames": {"type": "string", "format": "text", "x-key": True},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "The value as fields that are read one by one: kept as a JSON object.",
            "x-sensitive": True,
        },
        "generate": GENERATE,
        "from": FROM,
        "regenerate": choice(
            ["never", "on_change", "always"],
            "When a generated value is made anew: never (rotation does that), when `generate` changes, or at each converge.",
            "never",
        ),
        "rules": RULES,
        "access": ACCESS,
        "tags": TAGS,
        "expires": quantity(
            "positive_duration",
            "How long a value should be used. What is older is reported as overdue; the store goes on giving it. Left out: a generated "
            "certificate until it ends, anything else for ever.",
        ),
        "lifecycle": LIFECYCLE,
    },
    "A secret.",
    required=("name",),
    x_later={"rotation": "rotation comes in a later version"},
)

#: What only the engine reads: no change of it touches the secret.
SECRET_ENGINE_FIELDS = frozenset(("name", "tenant", "store", "rules", "lifecycle", "access"))
#: What gives a secret its value.
SOURCES = ("value", "value_base64", "fields", "generate", "from")
#: Those of them that hold it.
PLAIN = ("value", "value_base64", "fields")
