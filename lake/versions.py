"""The versions of silver in the lake: which one consumers see, which are kept, which can go."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lake import audit, paths
from lake.clock import utc_now
from lake.errors import C360Error, InputError
from lake.store import Lake

ROLLBACK = "rollback"
"""What the audit log calls it when a version that was kept is published again."""

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


@dataclass(frozen=True)
class Kept:
    """A version that was published and can be published again (`silver/versions/<version>.json`).

    `content` is what `silver/published.json` said of it; `folders` are all that it is read from;
    `identity` is the version of who is who that counted then.
    """

    kept_at: str
    folders: list[str]
    identity: str | None
    content: bytes

    @property
    def published(self) -> Published:
        """What was published."""
        return Published.from_json(self.content)

    @property
    def version(self) -> str:
        """Its version."""
        return self.published.version

    @classmethod
    def from_json(cls, content: bytes) -> "Kept":
        """Read the file's content."""
        said = json.loads(content)
        return cls(
            said["kept_at"], said["folders"], said["identity"], said["published"].encode("utf-8")
        )

    def to_json(self) -> bytes:
        """Return the file's content."""
        said = {**asdict(self), "published": self.content.decode("utf-8")}
        del said["content"]
        return json.dumps(said, indent=2).encode() + b"\n"


@dataclass(frozen=True)
class Retention:
    """How many versions are kept beside the published one, and how many days after it gave way.

    Section `versions:` of the sources file says it.
    """

    keep: int = 3
    days: float = 30


DEFAULT_RETENTION = Retention()


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


def keep(lake: Lake, folders: Iterable[str], identity: str | None) -> None:
    """Keep what is published now, before another version takes its place.

    `folders` are those that it is read from beside the published ones: what the warehouse shows.
    """
    content = lake.read_bytes(paths.PUBLISHED)
    current = Published.from_json(content)
    kept = Kept(utc_now(), sorted({*current.folders, *folders}), identity, content)
    lake.write_bytes(paths.kept_version(current.version), kept.to_json())


def kept_names(lake: Lake) -> list[str]:
    """Return the versions that are kept, the oldest first."""
    return sorted(path.rpartition("/")[2].removesuffix(".json") for path in lake.list(paths.KEPT))


def kept_versions(lake: Lake) -> list[Kept]:
    """Return what is kept, what gave way last first."""
    found = []
    for name in kept_names(lake):
        path = paths.kept_version(name)
        try:
            found.append(Kept.from_json(lake.read_bytes(path)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise C360Error(
                f"{lake.uri(path)} cannot be read ({error}). Restore it from a backup, or delete "
                "it: that version can then not be rolled back to, and nothing else is lost."
            ) from error
    return sorted(found, key=lambda each: (each.kept_at, each.version), reverse=True)


def find_kept(lake: Lake, version: str | None) -> Kept:
    """Return the kept version that is meant, by the beginning of its name; None: the one before."""
    current, kept = published(lake), kept_versions(lake)
    if current is None:
        raise InputError("Nothing is published yet, so there is nothing to roll back.")
    listed = ", ".join(sorted((each.version for each in kept), reverse=True))
    there = f"Kept are {listed}." if kept else "No version is kept."
    if version is None:
        if current.previous is None:
            raise InputError(f"{current.version} is the first version that was published. {there}")
        found = [each for each in kept if each.version == current.previous]
        if not found:
            raise InputError(
                f"{current.previous}, the version before {current.version}, is not kept. {there}"
            )
        return found[0]
    known = {current.version: None} | {each.version: each for each in kept}
    meant = sorted(name for name in known if version and name.startswith(version))
    if len(meant) > 1:
        raise InputError(
            f"{version} may be any of the versions {', '.join(meant)}. Give more of it."
        )
    if not meant:
        raise InputError(f"The version {version} is not kept. {there}")
    one = known[meant[0]]
    if one is None:
        raise InputError(f"{current.version} is what is published. {there}")
    return one


def overdue(lake: Lake, retention: Retention) -> list[str]:
    """Return the kept versions that are no longer to be kept."""
    since = datetime.now(UTC) - timedelta(days=retention.days)
    return [
        each.version
        for number, each in enumerate(kept_versions(lake))
        if number >= retention.keep or datetime.fromisoformat(each.kept_at) < since
    ]


def no_longer_keep(lake: Lake, version: str) -> None:
    """Have a version be one that is not kept; its folders go with the next `remove_versions`."""
    lake.delete(paths.kept_version(version))


def rolled_back(lake: Lake) -> audit.Entry | None:
    """Return who rolled back to what is published now, and when; None when nobody did."""
    current = published(lake)
    last = [entry for entry in audit.read(lake) if entry.action == ROLLBACK][-1:]
    return last[0] if last and current and last[0].detail["version"] == current.version else None


def check_folders(lake: Lake, kept: Kept) -> None:
    """Raise when a folder of a kept version has no files any more."""
    there = {file.rpartition("/")[0] for file in lake.list(paths.SILVER, recursive=True)}
    lost = [folder for folder in kept.folders if folder not in there]
    if lost:
        raise C360Error(
            f"{kept.version} cannot be published again: {lake.uri(lost[0])} has no files any more"
            f"{f', nor have {len(lost) - 1} more folders' if len(lost) > 1 else ''}. Nothing was "
            "changed; `c360 versions` lists the others."
        )


def remove_versions(
    lake: Lake, shown: set[str], before: str, keep_previous: bool = True
) -> list[str]:
    """Remove the folders of versions up to `before` that nobody needs; return the versions.

    Needed are those of the published version, those of the one before it (unless told otherwise),
    those of the versions that are kept, and any that are `shown` to readers: a `dbt build` by hand
    makes versions of its own, and one that is under way is newer than `before`.
    """
    needed = shown.union(*(each.folders for each in kept_versions(lake)))
    if current := published(lake):
        needed |= {*current.folders, *(current.kept if keep_previous else ())}
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
