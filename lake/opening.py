"""Opens a lake by its location."""

from pathlib import Path

from lake.errors import C360Error, without_token
from lake.local import LocalLake
from lake.store import Lake


def open_lake(location: str | Path) -> Lake:
    """Return the lake in a folder, or in the container that an `abfss://` URL names."""
    if "://" not in str(location):
        return LocalLake(Path(location))
    try:
        # Azure's packages are an extra, and take a second to import.
        from lake.adls import AdlsLake
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("azure"):
            raise
        raise C360Error(
            f"The lake {without_token(location)} is in Azure, and the packages for that aren't "
            "installed. Run `make setup` in the project's folder."
        ) from error
    return AdlsLake(str(location))
