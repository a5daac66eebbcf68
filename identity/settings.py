"""How a retailer wants customers to be matched: the section `identity:` of the sources file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """Records that are taken for one person without weighing: `same` in all of these.

    `names` tells what is asked of the names: `compatible` (not plainly other persons'), or `same`.
    """

    name: str
    same: tuple[str, ...]
    names: str = "compatible"


RULES = (
    Rule("same e-mail and compatible name", ("email",)),
    Rule("same phone and same name", ("phone",), "same"),
)


@dataclass(frozen=True)
class Settings:
    """What decides who is who."""

    enabled: bool = True
    rules: tuple[Rule, ...] = field(default=RULES)
    same_from: float = 0.8
    review_from: float = 0.3
    most_records: int = 20

    @property
    def fingerprint(self) -> str:
        """A hash of all of it."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Settings":
        """Read the section, which was checked before."""
        rules = [
            Rule(
                rule.get("name") or _name_of(rule),
                tuple(rule["same"]),
                rule.get("names", "compatible"),
            )
            for rule in said.get("rules", [])
        ]
        taken = {key: value for key, value in said.items() if key != "rules"}
        if "rules" in said:
            taken["rules"] = tuple(rules)
        return cls(**taken)


def _name_of(rule: Mapping[str, Any]) -> str:
    same = " and ".join(rule["same"]).replace("_", " ").replace("email", "e-mail")
    return f"same {same} and {rule.get('names', 'compatible')} name"
