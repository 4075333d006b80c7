"""One door for every kind of file."""

from collections.abc import Collection, Mapping
from pathlib import Path

from gis.exchange.features import FEATURE_EXTENSIONS, read_features
from gis.exchange.rows import Headings, Table
from gis.exchange.tables import TABLE_EXTENSIONS, read_table
from gis.exchange.unreadable import MAX_BYTES, FileFault, UnreadableFile


def read_file(
    path: Path,
    aliases: Mapping[str, str],
    required: Collection[str],
    *,
    position: Collection[str] = (),
    layer: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Table:
    """Open a table or a map layer by its extension.

    ``aliases`` maps headings to fields; ``required`` are fields that no file can do without; ``position``
    are those that a table needs in place of the geometry that a map layer has. ``layer`` names a sheet or a
    layer.

    Raises UnreadableFile as ``read_table`` and ``read_features`` do.
    """
    extension = path.suffix.lower()
    if extension in TABLE_EXTENSIONS:
        headings = Headings(aliases, (*required, *position))
        return read_table(path, headings, sheet=layer, max_bytes=max_bytes)
    if extension in FEATURE_EXTENSIONS:
        return read_features(path, Headings(aliases, required), layer=layer, max_bytes=max_bytes)
    if extension in (".xls", ".et"):
        raise UnreadableFile(FileFault.OLD_FORMAT, name=path.name)
    known = " ".join(TABLE_EXTENSIONS + FEATURE_EXTENSIONS)
    raise UnreadableFile(FileFault.UNKNOWN_EXTENSION, extension=extension or path.name, known=known)
