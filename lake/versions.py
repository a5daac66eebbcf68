"""The versions of silver in the lake: which one consumers see, and which can go."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from lake import paths
from lake.errors import C360Error
from lake.store import Lake

# Where a build writes versions: silver, and what silver is made from.
LAYERS = (paths.SILVER, "staging")


@dataclass(frozen=True)
class PublishedEntity:
    """One entity of a published version."""

    path: str
    rows: int


@dataclass(frozen=True)
class Published:
    """What `silver/published.json` says: the version that consumers see."""

    version: str
    published_at: str
    batches: list[str]
    entities: dict[str, PublishedEntity]
    previous: str | None = (
        None  # kept for readers who still have the warehouse before this one open
    )
    code: str | None = None  # of what the version was built with, see `silver_code`
    text_keys: list[str] = field(default_factory=list)  # the entities whose keys are text in it

    def to_json(self) -> bytes:
        """Return the file's content."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "Published":
        """Read the file's content."""
        try:
            data: dict[str, Any] = json.loads(content)
            data["entities"] = {
                name: PublishedEntity(**entity) for name, entity in data["entities"].items()
            }
            return cls(**data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise C360Error(
                f"What was written about the published version cannot be read ({error}). Restore "
                f"{paths.PUBLISHED} in the lake and publish.json in the home from a backup, or "
                "delete them to have everything built and published anew."
            ) from error


def published(lake: Lake) -> Published | None:
    """Return what is published, or None before the first publish."""
    return published_with_tag(lake)[0]


def published_with_tag(lake: Lake) -> tuple[Published | None, str | None]:
    """Return what is published, and the tag of the file that says so, for a conditional write."""
    content, tag = lake.read_versioned(paths.PUBLISHED)
    return (Published.from_json(content) if content is not None else None), tag


def check_files(lake: Lake, new: Published) -> None:
    """Raise when a relation of a version has no files."""
    for name, entity in new.entities.items():
        if next(iter(lake.list(entity.path, recursive=True)), None) is None:
            raise C360Error(
                f"silver {name} has no files in {entity.path}, so nothing was published. Run again."
            )


def remove_versions(lake: Lake, shown: set[str], before: str) -> list[str]:
    """Remove the versions up to `before` that nobody needs; return them.

    Needed are the published one, the one before it, and any that are `shown` to readers: a `dbt
    build` by hand makes versions of its own, and one that is under way is newer than `before`.
    """
    needed = set(shown)
    if current := published(lake):
        needed |= {current.version, current.previous or current.version}
    folders = set()
    for layer in LAYERS:
        for file in lake.list(layer, recursive=True):
            parts = file.split("/")
            if len(parts) > 3 and parts[2] <= before and parts[2] not in needed:
                folders.add("/".join(parts[:3]))
    for folder in sorted(folders):
        lake.delete_tree(folder)
    return sorted({folder.split("/")[2] for folder in folders})
