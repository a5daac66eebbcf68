"""Who asked to be forgotten and is not yet: what a run, or the next one, has to finish.

A request stands in the lake with the values that are looked for, until all is done and proved.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ingest.forgetting import Person
from lake import paths
from lake.errors import InputError
from lake.manifest import to_json
from lake.store import Lake

TAKE_OUT: Literal["take out"] = "take out"
PROVE: Literal["prove"] = "prove"


@dataclass(frozen=True)
class Request:
    """One person to forget: `person` is their hash, `stage` what is to be done next.

    `ids` and `texts` are as in `Person`; `person_ids` those of who is who; `taken` counts what is
    taken out, as it was found when the request was made.
    """

    id: str
    at: str
    by: str
    person: str
    ids: dict[str, list[str]]
    texts: list[str]
    with_transactions: bool = False
    person_ids: list[str] = field(default_factory=list)
    stage: Literal["take out", "prove"] = TAKE_OUT
    taken: dict[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> Person:
        """The person."""
        ids = {kind: tuple(values) for kind, values in self.ids.items()}
        return Person(ids, tuple(self.texts), self.with_transactions)

    @property
    def customer_ids(self) -> list[str]:
        """The person's customer ids."""
        return self.ids.get("customer_id", [])


def pending(lake: Lake) -> list[Request]:
    """Return the requests that are not finished, the oldest first."""
    content, _ = lake.read_versioned(paths.FORGETTING)
    if content is None:
        return []
    try:
        return [Request(**each) for each in json.loads(content)]
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{lake.uri(paths.FORGETTING)}, which has who is to be forgotten, is damaged "
            f"({error}). Delete it, and run `c360 person forget` again."
        ) from error


def write(lake: Lake, requests: Sequence[Request]) -> None:
    """Keep the requests that are not finished."""
    if requests:
        lake.write_bytes(paths.FORGETTING, to_json([asdict(each) for each in requests]))
    else:
        lake.delete(paths.FORGETTING)
