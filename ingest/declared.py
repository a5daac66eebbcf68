"""What silver follows of the declarations, as it stands in the lake for every engine to read."""

from typing import Any

from ingest.declarations import Declarations
from lake import paths
from lake.manifest import to_json
from lake.store import Lake


def entities(declarations: Declarations) -> list[dict[str, Any]]:
    """Return for each entity what its rows are: of its files and its API endpoints alike."""
    said = []
    for name, files in declarations.files.items():
        apis = [each.declaration for each in declarations.apis if each.entity == name]
        unknown = [key for each in (files, *apis) for key in each.unknown_keys]
        said.append(
            {
                "entity": name,
                "rows": files.rows or "one",
                "load": files.load,
                "keys": files.keys,
                "unknown_keys": list(dict.fromkeys(unknown)),
            }
        )
    return said


def text_keys(declarations: Declarations) -> list[str]:
    """Return the entities whose keys are text."""
    return [each["entity"] for each in entities(declarations) if each["keys"] == "text"]


def write(lake: Lake, declarations: Declarations) -> None:
    """Write it into the lake, if it is not there already."""
    content = to_json({"entities": entities(declarations)})
    if not lake.exists(paths.DECLARED) or lake.read_bytes(paths.DECLARED) != content:
        lake.write_bytes(paths.DECLARED, content)
