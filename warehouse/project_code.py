"""What decides what is made of the lake: a hash of the project's own files, by layer."""

import hashlib
from pathlib import Path

_SILVER = ("dbt_project.yml", "macros", "seeds", "models/silver")
LAYERS = {
    "silver": _SILVER,
    "gold": (*_SILVER, "models/gold", "models/marts"),
    "all": (*_SILVER, "models", "tests/dbt"),
    "published": (*_SILVER, "models", "tests/dbt", "analyses", "pages"),
}
"""The files and folders of the project that decide what a layer is, or all that it builds."""


def project_code(project: Path, layer: str) -> str:
    """Return a hash of everything in the project that decides what a layer is."""
    digest = hashlib.sha256()
    for part in LAYERS[layer]:
        for path in sorted([project / part, *(project / part).rglob("*")]):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(project)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
