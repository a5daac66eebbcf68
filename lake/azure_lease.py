"""Exclusive use of the lake in Azure: a lease on its lock file."""

import logging
import os
import socket
import threading
import time
from contextlib import suppress

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.filedatalake import DataLakeFileClient, DataLakeLeaseClient

from lake.azure_errors import error_code
from lake.clock import utc_now
from lake.errors import LakeError

log = logging.getLogger(__name__)

# The service allows 15 to 60 seconds; what a killed run holds is free after that time.
_LEASE_SECONDS = 60
_RENEW_SECONDS = 20


class Lease:
    """A lease on the lock file, renewed in the background until it is released."""

    def __init__(self, file: DataLakeFileClient, lake: str) -> None:
        self._lake = lake
        with suppress(ResourceExistsError):
            # Without the condition it would break another run's lease.
            file.create_file(match_condition=MatchConditions.IfMissing)
        self._lease = DataLakeLeaseClient(file)
        try:
            self._lease.acquire(_LEASE_SECONDS)
        except HttpResponseError as error:
            if error_code(error) != "LeaseAlreadyPresent":
                raise
            holder = file.get_file_properties().metadata.get("holder", "unknown")
            raise LakeError(
                f"Another run is using the lake {lake} ({holder}). Wait until it has finished. "
                f"If it was killed, its claim ends by itself within {_LEASE_SECONDS} seconds.",
                passing=True,
            ) from None
        self._renewed = time.time()
        holder = f"process {os.getpid()} on {socket.gethostname()} since {utc_now()}"
        file.set_metadata({"holder": holder.encode("ascii", "replace").decode()}, lease=self._lease)
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="adls-lease", daemon=True)
        self._thread.start()

    def renew(self) -> None:
        """Renew the lease; raise a `LakeError` when it is lost."""
        began = time.time()
        try:
            self._lease.renew()
        except HttpResponseError as error:
            self._renewed = 0  # so that the next change asks again
            if error.status_code not in (404, 409, 412):
                raise
            raise LakeError(
                f"This run has lost its exclusive use of the lake {self._lake} (it could not renew "
                "it in time, or somebody ended it), so it stops here. Run again.",
                passing=True,
            ) from error
        self._renewed = began

    def confirm(self) -> None:
        """Raise when the lease is lost; asks the service only when the last renewal is too old.

        By the wall clock: a machine that slept has perhaps missed its renewals.
        """
        if abs(time.time() - self._renewed) > 1.5 * _RENEW_SECONDS:
            self.renew()

    def release(self) -> None:
        """End the exclusive use; if that fails, it ends by itself."""
        self._released.set()
        self._thread.join()
        with suppress(AzureError):
            self._lease.release()

    def _keep(self) -> None:
        while not self._released.wait(_RENEW_SECONDS):
            try:
                self.renew()
            except (AzureError, LakeError) as error:
                log.warning("the exclusive use of the lake was not renewed: %s", error)
