"""The demo city: everything in it is made up, and made the same way every time."""
