"""Imports run one way through the rooms of the project, and never in a circle.

Counted are all imports, also those that a function makes when it is called, or that only a type
checker sees.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# Each room may import itself and those below it.
ROOMS = ("flows", "pages", "warehouse", "identity", "ingest", "lake")
# Beside them stand those that may import any. Only what runs over sample data imports it.
BESIDE = ("demo", "bench")
MAY_IMPORT_DEMO = ("demo", "bench", "flows.demo")

Imports = dict[str, dict[str, int]]  # module: what it imports: the line on which it does so


def project_modules() -> dict[str, str]:
    """Return the source of every module of the project, by name."""
    return {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text(encoding="utf-8")
        )
        for room in (*ROOMS, *BESIDE)
        for path in sorted((PROJECT / room).rglob("*.py"))
    }


def imports_between(modules: Mapping[str, str]) -> Imports:
    """Return which modules import which others of them."""
    imports: Imports = {name: {} for name in modules}
    for name, source in modules.items():
        for node in ast.walk(ast.parse(source)):
            for imported in _imported(node):
                # What is imported from a module may be a module too, or a thing in it.
                known = imported if imported in modules else imported.rpartition(".")[0]
                if known in modules:
                    imports[name].setdefault(known, node.lineno)
    return imports


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (each.name for each in names)
        case ast.ImportFrom(module=str(module), names=names, level=0):
            yield from (f"{module}.{each.name}" for each in names)
        case ast.ImportFrom():
            raise AssertionError("a relative import; name the module in full")
        case ast.Call(
            func=ast.Name("import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(str(module)), *_],
        ):
            yield module


def against_the_order(imports: Imports) -> list[str]:
    """Tell of each import of a room above, or of what stands beside the rooms."""
    return [
        f"{name}, line {line}, imports {imported}"
        for name, found in imports.items()
        for imported, line in found.items()
        if not _may_import(name, imported)
    ]


def _may_import(name: str, imported: str) -> bool:
    room, other = name.split(".")[0], imported.split(".")[0]
    if other == "bench":
        return room == "bench"
    if other == "demo":
        return room in MAY_IMPORT_DEMO or name in MAY_IMPORT_DEMO
    return room in BESIDE or ROOMS.index(other) >= ROOMS.index(room)


def circle(imports: Imports) -> list[str]:
    """Tell of the imports that make up a circle, if there is one."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        modules = error.args[1]  # each is imported by the next one
        return [
            f"{name}, line {imports[name][imported]}, imports {imported}"
            for imported, name in pairwise(modules)
        ][::-1]
    return []


def test_imports_run_one_way() -> None:
    assert against_the_order(imports_between(project_modules())) == []


def test_no_imports_go_round_in_a_circle() -> None:
    assert circle(imports_between(project_modules())) == []


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        ({"lake.a": "import lake.b", "lake.b": ""}, []),
        ({"flows.a": "from lake import b", "lake.b": ""}, []),
        (
            {"lake.a": "\nfrom ingest import b", "ingest.b": ""},
            ["lake.a, line 2, imports ingest.b"],
        ),
        (
            {"lake.a": "from ingest.b import c", "ingest.b": ""},
            ["lake.a, line 1, imports ingest.b"],
        ),
        (
            {"warehouse.a": "def f():\n    import pages.b.c as c", "pages.b.c": ""},
            ["warehouse.a, line 2, imports pages.b.c"],
        ),
        (
            {"ingest.a": "if TYPE_CHECKING:\n    from flows import b", "flows": "", "flows.b": ""},
            ["ingest.a, line 2, imports flows.b"],
        ),
        (
            {"pages.a": "importlib.import_module('flows.b')", "flows.b": ""},
            ["pages.a, line 1, imports flows.b"],
        ),
        ({"flows.demo": "import demo.b", "bench.a": "import demo.b, lake.c", "demo.b": ""}, []),
        (
            {"flows.a": "import demo.b, bench.c", "demo.b": "import bench.c", "bench.c": ""},
            [
                "flows.a, line 1, imports demo.b",
                "flows.a, line 1, imports bench.c",
                "demo.b, line 1, imports bench.c",
            ],
        ),
    ],
)
def test_an_import_against_the_order_is_told(modules: dict[str, str], told: list[str]) -> None:
    assert against_the_order(imports_between(modules)) == told


def test_a_circle_is_told() -> None:
    modules = {
        "lake.a": "from lake import b",
        "lake.b": "import typing\nif typing.TYPE_CHECKING:\n    from lake.c import C",
        "lake.c": "class C:\n    def f(self):\n        import lake.a",
        "lake.d": "import lake.a",
    }
    assert sorted(circle(imports_between(modules))) == [
        "lake.a, line 1, imports lake.b",
        "lake.b, line 3, imports lake.c",
        "lake.c, line 3, imports lake.a",
    ]
    assert circle(imports_between({"lake.a": "import lake.a"})) == [
        "lake.a, line 1, imports lake.a"
    ]
    del modules["lake.c"]
    assert circle(imports_between(modules)) == []
