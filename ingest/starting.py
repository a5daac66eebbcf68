"""The text of a sources file to begin with, from what a check of files suggests."""

import textwrap
from collections.abc import Sequence

import yaml

from ingest.check import FileCheck
from ingest.declarations import SOURCES, Keys
from ingest.sources_file import SCHEMA
from ingest.suggestions import Suggestion, merged
from lake.errors import visible

_WIDTH = 92


def sources_text(suggestions: Sequence[Suggestion]) -> str:
    """Return suggestions as the `files:` part of a sources file, the doubtful ones as comments."""
    lines = []
    names = list(dict.fromkeys(each.entity for each in suggestions))
    for name in names:
        own = [each for each in suggestions if each.entity == name]
        sure = merged([each.keys for each in own if not each.doubt])
        lines += [f"  {name}:"]  # also where all below it are comments, of which one may be chosen
        reasons = dict.fromkeys(each.reason for each in own if not each.doubt)
        lines += [line for reason in reasons for line in _comment(reason)]
        if len(sure.get("currency_signs", ())) > 1:
            lines += _comment("amounts with any of these signs are added up, nothing is converted")
        lines += [f"    {line}" for line in _dumped(sure)] if sure else []
        told = ""
        for each in own:
            if each.doubt:
                said = f"{each.reason}: {each.doubt}"
                lines += ["    # or"] if said == told else _comment(said)
                told = said
                lines += [f"    # {line}" for line in _dumped(each.keys)]
    return "\n".join(["files:", *lines]) + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes SQL of several lines as it is written by hand."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _Dumper.represent_text)


def _dumped(keys: Keys) -> list[str]:
    text = yaml.dump(keys, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text.splitlines()


def _comment(text: str) -> list[str]:
    said = visible(f"{text[:1].upper()}{text[1:]}.")
    return [f"    # {line}" for line in textwrap.wrap(said, _WIDTH)]


def starting_text(checks: Sequence[FileCheck], suggestions: Sequence[Suggestion]) -> str:
    """Return a sources file for files that were checked: what is sure is declared in it."""
    read = [f"{each.source}: {_said_of(each)}" for each in checks]
    shipped = SOURCES.read_text(encoding="utf-8")
    example = shipped[shipped.index("apis:\n") :].rstrip().splitlines()
    return "\n".join(
        [
            f"# yaml-language-server: $schema={SCHEMA.name}",
            "#",
            "# How the files of a retailer are read, as far as it cannot be guessed. Use it with",
            "# `c360 run --sources FILE`, or name it in C360_SOURCES. Comments under files: are",
            "# for you to decide: remove the # of what is right. docs/sources.md tells which key",
            "# settles which symptom, `c360 sources check DIR --sources FILE` what comes of it.",
            "#",
            "# It was written for these files:",
            *(line for each in read for line in _indented(each)),
            "",
            sources_text(suggestions).rstrip(),
            "",
            "# Endpoints of an API that `c360 run --api URL` pulls. This is the shipped example:",
            *(f"# {line}".rstrip() for line in example),
            "",
        ]
    )


def _said_of(check: FileCheck) -> str:
    if not check.entity:
        return f"left alone, since {check.left_alone}"
    if check.is_refused:
        return f"{check.entity.name}, refused as it is"
    return check.entity.name


def _indented(text: str) -> list[str]:
    return textwrap.wrap(visible(text), _WIDTH, initial_indent="#   ", subsequent_indent="#     ")
