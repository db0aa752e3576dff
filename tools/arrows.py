# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Hold the arrows between the rooms of plugins/module_utils: who may import whom.

Every import statement counts, wherever it stands. Imports by string are refused: Ansible ships to the target only what
import statements name. Two files are excepted: one loads what users installed themselves, one never reaches a target.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = "ansible_collections.hodei.workers"
UTILS = ("plugins", "module_utils")
LEAVES = frozenset({"model", "resilience", "durable"})
ROOMS: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "resilience": frozenset({"model"}),
    "durable": frozenset({"model"}),
    "engine": frozenset({"model", "durable"}),
    "rotation": LEAVES | {"engine", "generators"},
    "lifecycle": LEAVES | {"engine"},
    "providers": LEAVES,
    "compose": frozenset({"model"}),
    "generators": frozenset({"model"}),
    "stores": LEAVES,
    "broker": LEAVES,
    "access": LEAVES,
    "events": LEAVES,
    "telemetry": LEAVES,
}
ROOMS["ansible"] = frozenset(ROOMS)  # it alone wires
PLUGINS = frozenset({"ansible", "compose", "model"})  # what modules, actions, lookups and the like may import
APART = {"providers", "stores"}  # rooms whose folders do not know each other
BY_NAME = {
    (*UTILS, "providers", "plugins"),  # packages of users, which Ansible could not ship anyway: decision 0024
    (*UTILS, "ansible", "bytecode"),  # the controller's own way of loading what statements name: decision 0058
}
SUPERVISOR = (*UTILS, "providers", "process", "supervisor")
PACKED = (*UTILS, "providers", "references")  # goes with the supervisor, which other providers must not know


def targets(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The dotted names that a statement imports; ours begin with `plugins`, as paths in the checkout do."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            base = ".".join((COLLECTION, *package[: len(package) - node.level + 1], *filter(None, [base])))
        names = [f"{base}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        inside = name.removeprefix(COLLECTION + ".")
        yield tuple(inside.split(".")) if inside != name else ("", *name.split("."))


def room_problem(here: tuple[str, ...], there: tuple[str, ...]) -> str | None:
    """Why the file at `here` may not import `there`; both are paths of names from the checkout's top."""
    if here[: len(SUPERVISOR)] == SUPERVISOR or here == PACKED:
        standard = there[0] == "" and there[1] in sys.stdlib_module_names
        ours = there[: len(SUPERVISOR)] == SUPERVISOR or there[: len(PACKED)] == PACKED
        return None if standard or ours else "the supervisor imports the standard library and itself only"
    if there[:2] != UTILS:
        return None
    if len(there) < 3 or there[2] not in ROOMS:
        return "it is in no room that tools/arrows.py knows"
    room = there[2]
    if here[:2] != UTILS:
        return None if room in PLUGINS else "plugins reach the other rooms through module_utils/ansible only"
    mine = here[2]
    if mine == room:
        strangers = is_folder(here[:4]) and is_folder(there[:4]) and here[3] != there[3]
        return f"{here[3]} and {there[3]} do not know each other" if mine in APART and strangers else None
    return None if room in ROOMS[mine] else f"{mine} may import {', '.join(sorted(ROOMS[mine])) or 'no other room'}"


def is_folder(names: tuple[str, ...]) -> bool:
    return len(names) == 4 and ROOT.joinpath(*names).is_dir()


def by_string(node: ast.AST) -> bool:
    """Whether something can be imported by it that no statement names. A package's version is no import."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "__import__"
    if isinstance(node, ast.ImportFrom) and not node.level:
        return (node.module or "").split(".")[0] == "importlib" and [one.name for one in node.names] != ["version"]
    return isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "importlib" for alias in node.names)


def check(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT)
    here = name.with_suffix("").parts
    package = here[:-1]
    if here[:2] == UTILS and len(here) > 2 and (here[2] not in ROOMS or len(here) == 3) and here[2] != "__init__":
        yield f"{name}: lies in no room; the rooms are {', '.join(sorted(ROOMS))}"
        return
    for node in ast.walk(ast.parse(path.read_text(), str(name))):
        line = getattr(node, "lineno", 0)
        if here not in BY_NAME and by_string(node):
            yield f"{name}:{line}: imports by string: the target would not have it"
        for there in targets(node, package):
            reason = room_problem(here, there)
            if reason:
                yield f"{name}:{line}: imports {'.'.join(filter(None, there))}: {reason}"


def main() -> int:
    paths = sorted([*ROOT.glob("plugins/**/*.py"), *ROOT.glob("extensions/eda/**/*.py")])
    problems = sorted({problem for path in paths for problem in check(path)})
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
