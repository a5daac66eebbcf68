"""How the lake in Azure signs in."""

import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from azure.core.credentials import AccessToken, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError

from lake.azure_errors import first_line
from lake.errors import C360Error, LakeError


class Auth(NamedTuple):
    """How the lake signs in, and where that comes from."""

    source: str
    credential: Any

    @classmethod
    def from_environment(cls, account: str) -> "Auth":
        """Return the first way that the environment has.

        Raises C360Error when it is for another account, or says nothing that can be used.
        """
        for source in (
            "AZURE_STORAGE_CONNECTION_STRING",
            "AZURE_STORAGE_KEY",
            "AZURE_STORAGE_SAS_TOKEN",
        ):
            if value := os.environ.get(source, "").strip():
                break
        else:
            return cls("", _Identity())
        if source == "AZURE_STORAGE_SAS_TOKEN":
            return cls(source, AzureSasCredential(value.lstrip("?")))
        if source == "AZURE_STORAGE_KEY":
            return cls(source, {"account_name": account, "account_key": value})
        parts = dict(part.partition("=")[::2] for part in value.split(";"))
        if parts.get("AccountName", account) != account:
            raise C360Error(
                f"{source} is for the storage account {parts['AccountName']}, but C360_LAKE is in "
                f"{account}."
            )
        if sas := parts.get("SharedAccessSignature"):
            return cls(source, AzureSasCredential(sas.lstrip("?")))
        if key := parts.get("AccountKey"):
            return cls(source, {"account_name": account, "account_key": key})
        raise C360Error(f"{source} has neither AccountKey nor SharedAccessSignature.")

    def refused(self, code: str) -> str:
        """Return what to say when the service turned it down, giving an error of this code."""
        if not self.source:
            return (
                f"the storage account refused this identity ({code}). It needs the role Storage "
                "Blob Data Contributor on the container"
            )
        if isinstance(self.credential, AzureSasCredential):
            expiry = parse_qs(self.credential.signature).get("se", [""])[0]
            with suppress(ValueError, TypeError):
                if datetime.fromisoformat(expiry) < datetime.now(UTC):
                    return f"the token in {self.source} expired at {expiry}. Set a new one"
        return f"the storage account refused {self.source} ({code}). Set the right one"


class _Identity:
    """Azure's default credential, whose failure is final: the client would try it for a minute."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential

        # What it says of each way that it tried is in the error too.
        logging.getLogger("azure.identity").setLevel(logging.ERROR)
        self._credential = DefaultAzureCredential()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        try:
            return self._credential.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise LakeError(
                "No way to sign in to Azure was found. Run `az login`, or set AZURE_STORAGE_KEY, "
                "AZURE_STORAGE_SAS_TOKEN or a service principal's AZURE_CLIENT_ID, "
                f"AZURE_TENANT_ID and AZURE_CLIENT_SECRET ({first_line(error)})."
            ) from error
