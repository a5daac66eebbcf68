"""Makes the documentation site: one page that opens from disk, for people who use the answers.

dbt documents the project in two files, the manifest and the catalog, and has a page that shows
them. Here its page gets both, completed with what dbt leaves without a description, with the
glossary as a page, and without what serves only developers: macros and the unit tests of the code.
"""

import json
import re
from operator import itemgetter
from pathlib import Path
from typing import Any

GLOSSARY = Path("models/glossary.md")

# What dbt's page has wrong: its name, an icon that does not exist, and addresses of icons that a
# browser asks for before they are filled in.
_PAGE_CORRECTIONS = {
    "<title>dbt Docs</title>": "<title>Customer 360</title>",
    "${require('./assets/favicons/favicon.ico')}": "data:,",
    'xlink:href="{{': 'ng-attr-href="{{',
}

Node = dict[str, Any]


def write(artifacts: Path, project: Path, folder: Path) -> None:
    """Write the site as index.html in `folder`, from what dbt left in `artifacts`."""
    from dbt.task.docs import DOCS_INDEX_FILE_PATH  # late: dbt takes long to import

    manifest, catalog = (
        json.loads((artifacts / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("manifest", "catalog")
    )
    complete(manifest, catalog, (project / GLOSSARY).read_text(encoding="utf-8"))
    page = Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
    for wrong, right in _PAGE_CORRECTIONS.items():
        page = page.replace(wrong, right)
    for name, data in (("MANIFEST", manifest), ("CATALOG", catalog)):
        # It stands in a script, which text such as </script> would end.
        text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
        page = page.replace(f'"{name}.JSON INLINE DATA"', text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page, encoding="utf-8")


def complete(manifest: Node, catalog: Node, glossary: str) -> None:
    """Change dbt's account of the project into what the site shows."""
    manifest["macros"] = {}
    manifest["unit_tests"] = {}
    nodes = manifest["nodes"] | manifest["sources"] | manifest["exposures"]
    measured = manifest["metrics"] | manifest["semantic_models"]
    for node in (nodes | measured).values():
        node["group"] = node.get("group") or node["meta"].get("group")
        node["meta"] = {key: node[key] for key in ("group", "access") if node.get(key)}
        if "test_metadata" in node:
            node["description"] = node["description"] or _test_in_words(node)
    for unique_id, table in (catalog["nodes"] | catalog["sources"]).items():
        neighbours = manifest["parent_map"][unique_id] + manifest["child_map"][unique_id]
        _describe_passed_on(nodes, unique_id, table, neighbours)
    project = manifest["metadata"]["project_name"]
    manifest["docs"][f"doc.{project}.__glossary__"] = {
        "name": "__glossary__",  # dbt's page shows it at #!/overview/glossary
        "package_name": project,
        "block_contents": _glossary_page(glossary, manifest["nodes"], manifest["metrics"]),
    }


def _describe_passed_on(
    nodes: dict[str, Node], unique_id: str, table: Node, neighbours: list[str]
) -> None:
    """Describe columns that the YAML leaves out because they only pass through a relation.

    A source has the file and batch of each row, which silver passes on: they mean the same there.
    """
    columns = nodes[unique_id]["columns"]
    known = {name.lower() for name in columns}
    described = {
        column["name"].lower(): column
        for neighbour in neighbours
        for column in nodes.get(neighbour, {}).get("columns", {}).values()
    }
    for name in table["columns"]:
        if name.lower() in described.keys() - known:
            columns[name] = described[name.lower()]


def _test_in_words(test: Node) -> str:
    """Say what a generic test sees to; dbt has no description for its own."""
    name, arguments = test["test_metadata"]["name"], test["test_metadata"]["kwargs"]
    column = arguments.get("column_name") or arguments.get("column")
    match name:
        case "primary_key":
            key = " and ".join(arguments["columns"])
            return f"No two rows have the same {key}, and no row is without."
        case "unique":
            return f"No two rows have the same {column}."
        case "not_null":
            return f"No row is without {column}."
        case "relationships":
            return f"Every {column} is the {arguments['field']} of a row of {_referred(arguments)}."
        case "accepted_values":
            return f"Every {column} is one of: {', '.join(map(str, arguments['values']))}."
        case "known_value":
            return f"Warns of every {column} that is not in the list {_referred(arguments)}."
    return f"Checks {name.replace('_', ' ')}."


def _referred(arguments: dict[str, str]) -> str:
    reference = arguments.get("to") or arguments["seed"]
    return re.findall(r"\w+", reference)[-1]


def _glossary_page(glossary: str, nodes: dict[str, Node], metrics: dict[str, Node]) -> str:
    """Return the glossary's text with, below each definition, the columns and measures of it."""

    def definition(block: re.Match[str]) -> str:
        held = [
            (column["name"], node)
            for node in sorted(nodes.values(), key=itemgetter("name"))
            for column in node["columns"].values()
            # A description may go on with other definitions; what the column holds comes first.
            if "".join(column["doc_blocks"][:1]).endswith(f".{block[1]}")
        ]
        public = [(column, node) for column, node in held if node.get("access") == "public"]
        links: dict[str, list[str]] = {}
        for column, node in public or held:
            address = f"#!/{node['resource_type']}/{node['unique_id']}"
            links.setdefault(column, []).append(f"[{node['name']}]({address})")
        where = "; ".join(f"`{column}` in {', '.join(found)}" for column, found in links.items())
        measures = ", ".join(
            f"[{metric['label']}](#!/metric/{metric['unique_id']})"
            for metric in metrics.values()
            if _words(metric["description"]).startswith(_words(block[2]))
        )
        return "\n\n".join([block[2], where, f"Measures: {measures}" if measures else ""]).rstrip()

    return re.sub(r"{% docs (\w+) %}\n(.*?)\n{% enddocs %}", definition, glossary, flags=re.DOTALL)


def _words(text: str) -> str:
    return " ".join(text.split())
