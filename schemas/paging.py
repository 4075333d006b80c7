"""What every list takes."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.wording import wrong


class PageQuery(Schema):
    """``after`` is the one of the answer before; absent means from the start."""

    after = fields.String(load_default=None)
    limit = fields.Integer(load_default=100, validate=validate.Range(min=1, max=1000))


class Box(fields.Field[tuple[float, float, float, float]]):
    """``west,south,east,north`` in EPSG:4326 degrees (the OGC ``bbox``)."""

    def _deserialize(
        self, value: object, attr: str | None, data: object, **_kw: object
    ) -> tuple[float, float, float, float]:
        try:
            west, south, east, north = (float(part) for part in str(value).split(","))
        except ValueError as error:
            raise _malformed() from error
        return _in_range(west, south, east, north)


class Corners(fields.Field[tuple[float, float, float, float]]):
    """The same in a JSON body: a list of the four numbers."""

    def __init__(self, **kwargs: Any) -> None:
        number = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
        super().__init__(metadata={**number, "description": "west, south, east, north, EPSG:4326"}, **kwargs)

    def _deserialize(
        self, value: object, attr: str | None, data: object, **_kw: object
    ) -> tuple[float, float, float, float]:
        if (
            not isinstance(value, list)
            or len(value) != 4
            or any(type(one) not in (int, float) for one in value)
        ):
            raise _malformed()
        try:
            return _in_range(*map(float, value))
        except OverflowError as error:
            raise _malformed() from error


def _malformed() -> ValidationError:
    return wrong(
        "bbox_malformed",
        "bbox 应为 west,south,east,north 四个数。bbox has to be west,south,east,north.",
    )


def _in_range(west: float, south: float, east: float, north: float) -> tuple[float, float, float, float]:
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise wrong(
            "bbox_out_of_range",
            "bbox 超出范围，或西大于东、南大于北。bbox is out of range, or its corners are reversed.",
        )
    return west, south, east, north
