# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import unicodedata

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import MOST_CHARACTERS, SecretName


@pytest.mark.parametrize(
    ("name", "tenant", "path"),
    [
        ("db/password", "", "db/password"),
        ("db/password", "acme", "@acme/db/password"),
        ("acme/db", "", "acme/db"),
        ("A-b_c.d/0/_x", "t-1", "@t-1/A-b_c.d/0/_x"),
        ("db__rotation", "", "db__rotation"),
        ("x" * MOST_CHARACTERS, "a" * 63, None),
    ],
)
def test_good_names(name: str, tenant: str, path: str | None) -> None:
    made = SecretName(name, tenant)
    assert path is None or str(made) == path
    assert SecretName.parse(made.path) == made
    assert unicodedata.normalize("NFC", made.path) == made.path


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../b",
        "a/../b",
        "a/..",
        "a..b",
        "a/.hidden",
        "-a",
        "@acme/a",
        "a@b",
        "a b",
        "a\n",
        "a\0b",
        "a\\..\\b",
        "a%2fb",
        "%2e%2e/b",
        "a:b",
        "\u0430dmin",  # Cyrillic a
        "\uff41",  # full width a
        "cafe\u0301",
        "café",
        "a\u2215b",  # division slash
        "a\u2024\u2024/b",  # one dot leaders
        "a\u200bb",
        "\u202eba",
        "a\udcffb",
        "x" * (MOST_CHARACTERS + 1),
    ],
)
def test_names_that_would_escape_or_be_mistaken(name: str) -> None:
    with pytest.raises(HodeiError) as caught:
        SecretName(name)
    assert caught.value.kind is Kind.VALIDATION
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "tenant", ["..", "a/b", "@a", "Acme", "a.b", "-a", "a-", "a_b", "\u0430", "a\n", "a" * 64, "%61"]
)
def test_tenants_that_would_escape(tenant: str) -> None:
    with pytest.raises(HodeiError):
        SecretName("x", tenant)


@pytest.mark.parametrize("path", ["@", "@/a", "@a", "@a/", "@a/../b", "@@a/b", "@A/b"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(HodeiError):
        SecretName.parse(path)


def test_a_look_alike_is_named() -> None:
    with pytest.raises(HodeiError, match="CYRILLIC SMALL LETTER A"):
        SecretName("\u0430dmin")


def test_a_path_in_place_of_a_name_is_told_what_to_do() -> None:
    """It is what secret_info shows."""
    with pytest.raises(HodeiError, match="Give the tenant by itself"):
        SecretName("@acme/db/password")
