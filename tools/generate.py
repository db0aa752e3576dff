# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Write what is generated from the model's schema, or, with --check, say what is not as it would be written.

`schemas/*.json` for editors, `docs/reference/*.md` for people, `plugins/doc_fragments/worker_document.py` for ansible-doc. The check
also holds the modules' argument specs and documentation together.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".venv" / "collections"))


def files() -> dict[str, str]:
    """Path -> text of every generated file."""
    import generate_fields
    import generate_fragment
    import generate_reference
    import generate_schemas
    import generate_secrets

    from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import SECRET
    from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER

    return {
        "schemas/worker.json": generate_schemas.worker(),
        "schemas/document.json": generate_schemas.document(),
        "docs/reference/document.md": generate_reference.document(),
        "docs/reference/settings.md": generate_reference.settings(),
        "docs/providers/fields.md": generate_fields.fields(),
        "docs/secrets/fields.md": generate_secrets.fields(),
        "plugins/doc_fragments/worker_document.py": generate_fragment.fragment("worker", WORKER),
        "plugins/doc_fragments/secret_document.py": generate_fragment.fragment("secret", SECRET),
    }


def stale(texts: dict[str, str]) -> list[str]:
    """Say which files differ from what would be written."""
    return [
        f"{name}: is not what tools/generate.py writes; run: make generate, or python tools/generate.py"
        for name, text in texts.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text() != text
    ]


def main() -> int:
    subprocess.run([ROOT / "tools" / "link"], check=True)
    texts = files()
    if "--check" in sys.argv[1:]:
        import generate_checks

        problems = [*stale(texts), *generate_checks.modules()]
        print(*problems, sep="\n", end="\n" if problems else "")
        return 1 if problems else 0
    for name, text in texts.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
