"""The pages anew, from what is published: behind `c360 docs` and `c360 report`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from lake import versions
from lake.local import LocalLake
from pages import docs_site
from pages.report import content, page
from warehouse import publish as publishing
from warehouse import staged
from warehouse.answers import ask
from warehouse.connection import Query, open_warehouse
from warehouse.dbt_run import DbtRun
from warehouse.home import Home, project_dir


def rewrite_docs(home: Home) -> None:
    """Write the documentation site anew, from a copy so that nobody is in the way."""
    open_warehouse(home).close()
    with _exchanged(home):
        staged.stage_warehouse(home)
        dbt = DbtRun(home, home.staged_warehouse)
        try:
            docs_site.write(dbt.document(), project_dir(), home.staged_docs)
        finally:
            dbt.close()


def rewrite_report(home: Home, pii: bool) -> None:
    """Write the report anew; with `pii` it shows personal data."""
    with _exchanged(home):
        current = versions.published(LocalLake(home.lake))
        with open_warehouse(home) as connection:
            write_report(
                home,
                lambda sql: connection.execute(sql).fetchall(),
                current.version if current else "",
                pii,
            )


def write_report(home: Home, query: Query, version: str, pii: bool) -> None:
    """Write the report of what a query reads beside the published one."""
    answers = content.compose(
        ask(query, marts="marts"),
        version=version,
        personal_data=pii,
        customers=content.read_customers(query, "marts", personal_data=pii),
    )
    page.write(home.staged_report, answers)


@contextmanager
def _exchanged(home: Home) -> Iterator[None]:
    """Hold the home; put the pages that are written meanwhile in the place of the published."""
    home.prepare()
    with home.lock():
        publishing.recover(home, LocalLake(home.lake))
        yield
        publishing.exchange_pages(home)
        shutil.rmtree(home.staging, ignore_errors=True)
