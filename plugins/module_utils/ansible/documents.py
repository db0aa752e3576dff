# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in files: YAML, JSON or TOML, told apart by their names."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from ..model.load import load_text, split_document

FORMATS = {".yml": "yaml", ".yaml": "yaml", ".json": "json", ".toml": "toml"}


def load_document(text: str, path: str) -> dict[str, Any]:
    """Return the top-level fields of a document. Raises InvalidDocument that names line, column and the usual cause."""
    return split_document(load_text(text, FORMATS.get(PurePath(path).suffix.lower(), "yaml"), path), path)
