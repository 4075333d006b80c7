"""What makes a file unreadable as a whole, and the checks made before any parser sees it."""

import zipfile
from pathlib import Path

from gis.exchange.coded import Coded, CodedError

MAX_BYTES = 200_000_000
MAX_UNPACKED_BYTES = 600_000_000
# Spreadsheets and shapefiles compress ten- to thirtyfold; a bomb does so a thousandfold.
MAX_RATIO = 200
_RATIO_MATTERS_FROM = 20_000_000

_COMPOUND_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_ENTRY = 0x1


class FileFault(Coded):
    """Why a file cannot be read."""

    NOT_FOUND = "file_not_found", "找不到文件 {name}"
    EMPTY = "file_empty", "文件 {name} 是空的"
    TOO_LARGE = "file_too_large", "文件 {name} 有 {size} MB，超过上限 {limit} MB，请拆分后再导入"
    UNKNOWN_EXTENSION = "unknown_extension", "不认识扩展名 {extension}；可以读的有 {known}"
    WRONG_CONTENT = "wrong_content", "文件 {name} 的内容不是 {expected}，请从原系统重新导出"
    DAMAGED = "file_damaged", "文件 {name} 已损坏或不完整（{reason}），请重新导出或重新传输"
    PASSWORD = "password_protected", "文件 {name} 有密码，请取消密码后再导入"
    OLD_FORMAT = "old_spreadsheet", "文件 {name} 是旧版 xls 表格，请另存为 xlsx 后再导入"
    BOMB = "unpacks_too_large", "文件 {name} 解压后过大（{size} MB），不予读取"
    ENCODING = "encoding_unknown", "文件 {name} 的文字编码无法识别，请另存为 UTF-8 或 GB18030"
    NO_SHEETS = "no_sheets", "文件 {name} 里没有工作表"
    SHEET_NOT_FOUND = "sheet_not_found", "文件 {name} 里没有名为“{sheet}”的表；有 {known}"
    NO_HEADINGS = "headings_not_found", "文件 {name} 的前 {searched} 行里找不到表头；应有的列：{missing}"
    HEADINGS_MISSING = "headings_missing", "文件 {name} 第 {row} 行的表头缺少列：{missing}"
    FIELDS_MISSING = "fields_missing", "文件 {name} 缺少属性字段：{missing}；现有字段：{present}"
    NO_ROWS = "no_rows", "文件 {name} 的表头下面没有数据"
    TOO_MANY_ROWS = "too_many_rows", "文件 {name} 超过 {limit} 行，请拆分后再导入"
    PARTS_MISSING = "shapefile_incomplete", "shapefile {name} 缺少同名文件：{missing}，请一并提供"
    SEVERAL_LAYERS = "several_layers", "文件 {name} 里有多个图层：{layers}；请指明用哪一个"
    CRS_UNKNOWN = "crs_unknown", "文件 {name} 没有说明坐标系，坐标又不是经纬度；请补充 .prj 或转为经纬度"


class UnreadableFile(CodedError):
    """A file that cannot be read at all."""


def megabytes(size: int) -> str:
    """A byte count in MB with one decimal."""
    return f"{size / 1e6:.1f}"


def check_size(path: Path, max_bytes: int) -> None:
    """Raise UnreadableFile when there is no such file, when it is empty, or larger than ``max_bytes``."""
    if not path.is_file():
        raise UnreadableFile(FileFault.NOT_FOUND, name=path.name)
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFile(FileFault.EMPTY, name=path.name)
    if size > max_bytes:
        raise UnreadableFile(
            FileFault.TOO_LARGE, name=path.name, size=megabytes(size), limit=megabytes(max_bytes)
        )


def check_zip(path: Path, expected: str) -> list[zipfile.ZipInfo]:
    """The entries of a zip file that is whole, without a password and no bomb.

    Raises UnreadableFile otherwise. ``expected`` names what the file should be, for the sentence. The sizes
    are those of the central directory; Python never unpacks more of an entry than it declares there.
    """
    with path.open("rb") as stream:
        head = stream.read(8)
    if head == _COMPOUND_MAGIC:
        # Office keeps encrypted workbooks in the same container as old ones; only the former have this name.
        encrypted = "EncryptedPackage".encode("utf-16-le") in path.read_bytes()
        raise UnreadableFile(FileFault.PASSWORD if encrypted else FileFault.OLD_FORMAT, name=path.name)
    if not head.startswith(b"PK"):
        raise UnreadableFile(FileFault.WRONG_CONTENT, name=path.name, expected=expected)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise UnreadableFile(FileFault.DAMAGED, name=path.name, reason="压缩包不完整") from error
    if any(entry.flag_bits & _ENCRYPTED_ENTRY for entry in entries):
        raise UnreadableFile(FileFault.PASSWORD, name=path.name)
    unpacked = sum(entry.file_size for entry in entries)
    ratio = unpacked / path.stat().st_size
    if unpacked > MAX_UNPACKED_BYTES or (unpacked > _RATIO_MATTERS_FROM and ratio > MAX_RATIO):
        raise UnreadableFile(FileFault.BOMB, name=path.name, size=megabytes(unpacked))
    return entries
