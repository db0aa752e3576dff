# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a value is of a format. Libraries quote what they could not read, so what they raise ends here."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from math import inf, nan
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..model.errors import HodeiError, missing_library
from ..model.formats import FORMATS as WRITTEN
from ..model.secret_value import SecretValue

if TYPE_CHECKING:
    from cryptography import x509

_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n([A-Za-z0-9+/=\n]+)-----END \1-----")


def _text(read: Callable[[str], object]) -> Callable[[SecretValue], bool]:
    """Return the test of text that ``read`` takes without a ValueError, and does not answer False."""

    def test(value: SecretValue) -> bool:
        try:
            return read(value.text()) is not False
        except (HodeiError, ValueError, RecursionError):
            return False

    return test


def _loaded(load: Callable[[bytes], object]) -> Callable[[SecretValue], bool]:
    """Return the test of what cryptography reads without an error. TypeError: it wants a password."""

    def test(value: SecretValue) -> bool:
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
        except ImportError as error:
            raise missing_library("cryptography") from error
        try:
            return load(value.reveal()) is not False
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return False

    return test


def _pem(text: str) -> bool:
    text = text.replace("\r\n", "\n")
    blocks = list(_BLOCK.finditer(text))
    for block in blocks:
        binascii.a2b_base64(block[2].replace("\n", ""), strict_mode=True)
    return bool(blocks) and len(blocks) == text.count("-----BEGIN ") and not _BLOCK.sub("", text).strip()


def _url(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and parts.hostname) and text.isprintable() and " " not in text


def _written(name: str) -> Callable[[str], object]:
    return WRITTEN[name].parse


def _jwt_parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims. Raises ValueError."""
    parts = text.split(".")
    if len(parts) != 3:
        raise ValueError("not three parts")
    decoded = [base64.b64decode(one + "=" * (-len(one) % 4), b"-_", validate=True) for one in parts]
    header, claims = (json.loads(one) for one in decoded[:2])
    if not isinstance(header, dict) or not isinstance(claims, dict) or not isinstance(header.get("alg"), str):
        raise ValueError("no JSON objects")
    return header, claims


def _certificates(data: bytes) -> list[x509.Certificate]:
    from cryptography import x509

    return x509.load_pem_x509_certificates(data)


def _private_key(data: bytes) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return _OPENSSH not in data and load_pem_private_key(data, None)


def _ssh_private_key(data: bytes) -> object:
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    return load_ssh_private_key(data, None)


def _ssh_public_key(data: bytes) -> object:
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    return b"\n" not in data.strip() and load_ssh_public_key(data)


FORMATS: dict[str, Callable[[SecretValue], bool]] = {
    "text": _text(lambda text: "\0" not in text),
    "json": _text(json.loads),
    "pem": _text(_pem),
    "certificate": _loaded(_certificates),
    "private_key": _loaded(_private_key),
    "ssh_private_key": _loaded(_ssh_private_key),
    "ssh_public_key": _loaded(_ssh_public_key),
    "url": _text(_url),
    "uuid": _text(_written("uuid")),
    "base64": _text(_written("base64")),
    "jwt": _text(_jwt_parts),
    "email": _text(_written("email")),
    "hostname": _text(_written("host")),
}


def valid_until(fmt: str, value: SecretValue) -> tuple[float, float]:
    """Return from when and until when a valid value of the format `certificate` or `jwt` holds, in Unix seconds."""
    if fmt == "certificate":
        first = _certificates(value.reveal())[0]
        return first.not_valid_before_utc.timestamp(), first.not_valid_after_utc.timestamp()
    claims = _jwt_parts(value.text())[1]
    return _time(claims, "nbf", -inf), _time(claims, "exp", inf)


def _time(claims: dict[str, Any], name: str, otherwise: float) -> float:
    """Return a claim that is a time; NaN, which nothing is before or after, for what is none."""
    found = claims.get(name, otherwise)
    try:
        return float(found) if isinstance(found, (int, float)) else nan
    except OverflowError:
        return nan
