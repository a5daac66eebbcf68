"""What silver follows of the declarations, as it stands in the lake for every engine to read."""

from typing import Any

from ingest.declarations import Declarations
from lake import paths
from lake.manifest import from_json, to_json
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


def write(lake: Lake, declarations: Declarations) -> list[str]:
    """Write it into the lake, if it is not there already; return what was otherwise before."""
    now = entities(declarations)
    content = to_json({"entities": now})
    known = lake.read_bytes(paths.DECLARED) if lake.exists(paths.DECLARED) else None
    if known == content:
        return []
    lake.write_bytes(paths.DECLARED, content)
    before = {each["entity"]: each for each in from_json(known)["entities"]} if known else {}
    return [
        f"{each['entity']}: {key} {_said(each[key])} (was {_said(before[each['entity']][key])})"
        for each in now
        if each["entity"] in before
        for key in each
        if each[key] != before[each["entity"]].get(key, each[key])
    ]


def _said(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "none"
