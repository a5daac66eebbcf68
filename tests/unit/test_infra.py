"""The Azure set-up as code: what has to be the same in Bicep, the image, the docs and the product.

Whether the resources are such as Azure takes is looked at by `checkov -d infra`, see docs/azure.md.
"""

import fnmatch
import re
import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
JOB = (PROJECT / "infra/modules/job.bicep").read_text(encoding="utf-8")
MODULES = "".join(
    file.read_text(encoding="utf-8") for file in sorted(PROJECT.glob("infra/modules/*.bicep"))
)

# What the product reads and the job has no need of.
NOT_ON_THE_JOB = {
    "C360_TARGET": "the command names it",
    "C360_WAREHOUSE": "only the target local has one",
    **dict.fromkeys(
        ("C360_CODE", "C360_VERSION", "C360_SCHEMA_SUFFIX"), "the run tells it to its own dbt"
    ),
    "C360_PROJECT_DIR": "the image has the project where the package is",
    "C360_HASH_KEY": "made once and kept in the lake",
    "C360_SITE_URL": "no web server shows the share",
    "C360_STATEMENT_TIMEOUT": "its default suits a job too",
    **dict.fromkeys(
        (
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_STORAGE_CONNECTION_STRING",
            "AZURE_STORAGE_KEY",
            "AZURE_STORAGE_SAS_TOKEN",
            "C360_SYNAPSE_AUTHENTICATION",
            "C360_SYNAPSE_USER",
            "C360_SYNAPSE_PASSWORD",
            "C360_SQL_AUTHENTICATION",
            "C360_SQL_USER",
            "C360_SQL_PASSWORD",
            "C360_FABRIC_AUTHENTICATION",
        ),
        "it signs in with its managed identity",
    ),
    **dict.fromkeys(
        ("C360_LAKE_ENDPOINT", "C360_SQL_TRUST_CERTIFICATE", "C360_ODBC_DRIVER"),
        "for servers that are not Azure's",
    ),
}

ROLES = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
}


def read_by_the_product() -> set[str]:
    """The variables of ours and of Azure's that Python, macros and the profile name."""
    rooms = ("lake", "ingest", "identity", "warehouse", "pages", "flows")
    python = [file for room in rooms for file in PROJECT.glob(f"{room}/**/*.py")]
    sql = [*PROJECT.glob("macros/**/*.sql"), PROJECT / "profiles.example.yml"]
    return {
        name
        for file in python + sql
        for name in re.findall(
            r"[\"']((?:C360|AZURE)_[A-Z_]+)[\"']", file.read_text(encoding="utf-8")
        )
    }


def test_the_job_has_what_the_product_reads_on_azure_and_nothing_else() -> None:
    set_there = set(re.findall(r"name: '([A-Z0-9_]+)'", JOB))
    # The worker reads PREFECT_API_URL itself.
    assert set_there - {"PREFECT_API_URL"} == read_by_the_product() - NOT_ON_THE_JOB.keys()


def test_the_docs_name_the_roles_that_are_given() -> None:
    guide = (PROJECT / "docs/azure.md").read_text(encoding="utf-8")
    named = guide.partition("## Who may do what")[2].partition("\n## ")[0]
    ids = re.findall(r"'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'", MODULES)
    assert {name for name in ROLES.values() if f"`{name}`" in named} == {
        ROLES[each] for each in ids
    }


def test_every_parameter_is_explained() -> None:
    main = (PROJECT / "infra/main.bicep").read_text(encoding="utf-8")
    values = (PROJECT / "infra/main.bicepparam").read_text(encoding="utf-8")
    parameters = re.findall(r"^param (\w+)", main, re.MULTILINE)
    assert {*parameters} - {"location"} == {*re.findall(r"^param (\w+)", values, re.MULTILINE)}


def test_the_shares_are_for_the_user_of_the_image() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    user = re.search(r"^USER (\d+)$", dockerfile, re.MULTILINE)[1]
    home = re.search(r"\bC360_HOME=(\S+)", dockerfile)[1]
    folder = re.findall(r"^WORKDIR (\S+)$", dockerfile, re.MULTILINE)[-1]
    assert f"uid={user},gid={user}" in JOB
    assert f"{{ name: 'C360_HOME', value: '{home}' }}" in JOB
    mounted = re.findall(r"volumeName: '(\w+)', mountPath: '([\w/]+)'", JOB)
    assert mounted == [("home", home), ("incoming", f"{folder}/incoming")]


def test_the_image_has_the_packages_and_the_dbt_project() -> None:
    let_in = [
        line[1:]
        for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["packages"]["find"]["include"]
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    folders = [
        folder
        for kind in ("model", "macro", "seed", "analysis", "test", "snapshot")
        for folder in project.get(f"{kind}-paths", [f"{kind}s"])
        if (PROJECT / folder).is_dir()
    ]
    missing = [name for name in patterns if not fnmatch.filter(let_in, name)]
    assert missing + [folder for folder in folders if folder not in let_in] == []
