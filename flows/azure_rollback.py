"""A rollback on Azure: silver's version is exchanged in the lake, gold and marts are built from it.

Gold grows in place in the database, so there is no old copy of it to exchange: it is built from the
old silver beside what people use and takes its place in one transaction, as a run does it. One that
fails on its way is gone on with by the same command.
"""

from flows import azure_run, steps
from flows.asked import checked
from flows.azure_run import AzureRun, gold_version
from flows.run import taken
from flows.steps import Step
from identity import store as identity_store
from lake import audit, paths, versions
from lake.clock import utc_now
from lake.errors import C360Error
from lake.versions import Kept


def roll_back(home: str, version: str | None, pii: bool) -> "AzureRollback":
    """Publish a kept version again, the one before for want of a version; return what was done."""
    with steps.failure_told():
        _, place, asked = checked(target="azure", home=home, pii=pii)
        with taken(place, azure_run.opened(place, asked, AzureRollback)) as run:
            assert isinstance(run, AzureRollback)
            run.wanted = version
            run.go(steps.carry_out)
            return run


class AzureRollback(AzureRun):
    """What a run does once silver is published, over silver that was published before."""

    wanted: str | None = None
    from_version = ""

    @property
    def steps(self) -> list[Step]:
        """All that it does, in this order."""
        after = [step.name for step in self.steps_of_target].index("load silver")
        return [
            Step("recover", self.recover),
            Step("publish old silver", self.publish_old_silver),
            *self.steps_of_target[after:],
        ]

    def standing(self) -> str:
        """Tell what a failure leaves, and what to do."""
        if not (self.from_version and self.published):
            return "What is published stays as it was"
        version = self.published.version
        return (
            f"Silver is that of {version} again, gold and the marts are whole and still those of "
            f"{self.from_version}. Run `c360 rollback {version} --target azure` again: it goes on "
            "from there"
        )

    def publish_old_silver(self) -> None:
        """Make an old version of silver the published one, if an earlier attempt has not."""
        self.full = True  # nobody tells the database which rows of gold are to go
        if self._goes_on():
            return
        kept = versions.find_kept(self.lake, self.wanted)
        assert self.published  # or it would not have been found
        self._check(kept)
        with self.progress.step("Publish old silver") as step:
            from_version = self.published.version
            versions.keep(self.lake, [], identity_store.current_version(self.lake))
            audit.record(
                self.lake,
                versions.ROLLBACK,
                version=kept.version,
                from_version=from_version,
                began_at=utc_now(),
            )
            identity_store.restore(self.lake, kept.identity)
            self.lake.write_bytes(paths.PUBLISHED, kept.content, expected=self._published_tag)
            self.published, self.from_version = kept.published, from_version
            versions.no_longer_keep(self.lake, kept.version)
            step.done = f"Published silver {kept.version} again"

    def _goes_on(self) -> bool:
        """Tell whether the version that is wanted was published by an attempt that failed later."""
        entry = versions.rolled_back(self.lake)
        if not (entry and self.published) or gold_version(self.database) == self.published.version:
            return False
        if self.wanted is not None and not self.published.version.startswith(self.wanted):
            return False
        self.from_version = entry.detail["from_version"]
        with self.progress.step("Publish old silver") as step:
            step.done = f"Silver {self.published.version} is published again; going on from there"
        return True

    def _check(self, kept: Kept) -> None:
        """Raise when something of a kept version is gone from the lake."""
        if not self._complete(kept.published):
            raise C360Error(
                f"{kept.version} cannot be published again: rows of its silver are gone from "
                f"{self.lake.uri(paths.SILVER)}. Nothing was changed."
            )
        if kept.identity and not identity_store.is_whole(self.lake, kept.identity):
            raise C360Error(
                f"{kept.version} cannot be published again: what it knew of who is who "
                f"({kept.identity}) is gone from the lake. Nothing was changed."
            )
