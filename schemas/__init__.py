"""What goes over the wire, by marshmallow."""

from schemas import wording

wording.install()
