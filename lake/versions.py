"""The versions of silver in the lake: which one consumers see, and which can go."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from lake import paths
from lake.errors import C360Error
from lake.store import Lake

# Where builds write versions: today's folder, and that of what silver was made from before.
LAYERS = (paths.SILVER, "staging")


@dataclass(frozen=True)
class PublishedEntity:
    """One relation of a published version, with its number of rows.

    Its rows are those of all `parts` whose key none of the later folders of `superseded` names in a
    row without fate. A part is a folder; the oldest comes first.
    """

    parts: list[str]
    rows: int
    superseded: list[str] = field(default_factory=list)
    replaced: int = 0  # rows of the parts that no longer count
    epoch: str | None = None  # the version that built it anew; later ones changed some keys of it

    @property
    def folders(self) -> list[str]:
        """Return all folders that the relation is read from."""
        return self.parts + self.superseded

    @property
    def versions(self) -> list[str]:
        """Return the versions that its rows and what they replace come from, the oldest first."""
        versions = {version_of(folder) for folder in self.folders}
        return sorted(version for version in versions if version >= version_of(self.parts[0]))

    @classmethod
    def of(cls, data: dict[str, Any]) -> "PublishedEntity":
        """Read what is published of one; an earlier version of the product had one folder each."""
        if "path" in data:
            return cls([data["path"]], data["rows"])
        return cls(**data)


@dataclass(frozen=True)
class Published:
    """What `silver/published.json` says: the version that consumers see."""

    version: str
    published_at: str
    batches: list[str]
    entities: dict[str, PublishedEntity]
    previous: str | None = None
    kept: list[str] = field(default_factory=list)
    """Folders of the version before, for readers who still have its warehouse open."""
    code: str | None = None  # of what the version was built with, see `project_code`
    text_keys: list[str] = field(default_factory=list)  # the entities whose keys are text in it
    identity: str | None = None  # the version of who is who that gold is made with

    @property
    def folders(self) -> list[str]:
        """Return all folders that its relations are read from."""
        return [folder for entity in self.entities.values() for folder in entity.folders]

    def to_json(self) -> bytes:
        """Return the file's content."""
        return json.dumps(asdict(self), indent=2).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "Published":
        """Read the file's content."""
        try:
            data: dict[str, Any] = json.loads(content)
            data["entities"] = {
                name: PublishedEntity.of(entity) for name, entity in data["entities"].items()
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
    """Raise when a folder that a version added has no files."""
    for name, entity in new.entities.items():
        for folder in entity.folders:
            if folder.endswith(f"/{new.version}") and not _has_files(lake, folder):
                raise C360Error(
                    f"silver {name} has no files in {folder}, so nothing was published. Run again."
                )


def _has_files(lake: Lake, folder: str) -> bool:
    return next(iter(lake.list(folder, recursive=True)), None) is not None


def remove_versions(lake: Lake, shown: set[str], before: str) -> list[str]:
    """Remove the folders of versions up to `before` that nobody needs; return the versions.

    Needed are those of the published version, those of the one before it, and any that are `shown`
    to readers: a `dbt build` by hand makes versions of its own, and one that is under way is newer
    than `before`.
    """
    needed = set(shown)
    if current := published(lake):
        needed |= {*current.folders, *current.kept}
    unneeded = set()
    for layer in LAYERS:
        for file in lake.list(layer, recursive=True):
            folder, _, _ = file.rpartition("/")
            if folder.count("/") > 1 and version_of(folder) <= before and folder not in needed:
                unneeded.add(folder)
    for folder in sorted(unneeded):
        lake.delete_tree(folder)
    return sorted({version_of(folder) for folder in unneeded})


def version_of(folder: str) -> str:
    """Return the version that made a folder."""
    return folder.rpartition("/")[2]
