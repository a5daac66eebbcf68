"""The certificate that somebody was forgotten, as a page to print or to send."""
