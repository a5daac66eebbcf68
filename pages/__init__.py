"""What people open: the report, the documentation site, and the server that shows them."""
