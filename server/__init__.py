"""Everything that knows it is a web service."""
