"""What pages are composed with: scripts and styles that stand in them, by their own right only."""

import base64
import hashlib


def closed(script: str) -> str:
    """Return a script that an HTML parser does not end early."""
    return script.replace("</script", "<\\/script")


def hash_of(text: str) -> str:
    """Return what a security policy names a script or a style by that stands in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
