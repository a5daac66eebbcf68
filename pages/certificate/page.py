"""Composes the certificate's page: what was asked, what was taken out, what was searched."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment


def render(certificate: Mapping[str, Any]) -> str:
    """Return the page of a certificate, which has nothing from elsewhere in it."""
    template = (files("pages.certificate") / "certificate.html").read_text(encoding="utf-8")
    return Environment(autoescape=True).from_string(template).render(certificate)
