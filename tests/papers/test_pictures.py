"""Pages as they look: drawn and compared with pictures that were looked at and approved (tests/papers/approved).

``XUNGE_APPROVE=1 ./dev test tests/papers/test_pictures.py`` draws them anew, to be looked at before they are committed.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from PIL import Image, ImageChops

from schemas.vocabulary import PaperKind
from server.papers.model import PaperModel, SubjectTold
from server.papers.pdf import html_of, pdf_of
from tests.papers.samples import AT, ordering, paper, refused, registered, with_goods

APPROVED = Path(__file__).parent / "approved"
ROOT = Path(__file__).parents[2]
# Dots to a point; 72 to the inch.
SCALE = 0.9
LONG = SubjectTold(
    "样例市特别长名称的烟酒副食品综合批发零售贸易有限责任公司甲镇新街第一百二十八分公司" * 2,
    "990281100001",
    "赵样例",
    "样例市甲镇新街18号" * 8,
)
PAPERS: dict[str, Callable[[], PaperModel]] = {
    "inspection": lambda: paper(PaperKind.INSPECTION_RECORD, ordering()),
    "order": lambda: paper(PaperKind.RECTIFICATION_ORDER, ordering()),
    "goods": lambda: paper(PaperKind.INSPECTION_RECORD, with_goods(30)),
    "refused": lambda: paper(PaperKind.INSPECTION_RECORD, refused(), subject=LONG),
    "registration": registered,
}


def pages_of(pdf: bytes) -> list[Image.Image]:
    """The pages as grey pictures."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=SCALE, grayscale=True).to_pil() for page in document]
    finally:
        document.close()


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of the page that looks different: by more than a quarter of black, in cells of four by four dots.

    Letters that another build of a font sets half a dot aside are the same; a line that moved is not.
    """
    if one.size != other.size:
        return 1.0
    small = [picture.reduce(4) for picture in (one, other)]
    apart = ImageChops.difference(*small).point(lambda value: 255 * (value > 64))
    return apart.histogram()[255] / (apart.width * apart.height)


def is_debian_12() -> bool:
    """Fonts and Pango of other systems set lines elsewhere; the pictures are of this one."""
    system = platform.freedesktop_os_release()
    return (system.get("ID"), system.get("VERSION_ID")) == ("debian", "12")


@pytest.mark.skipif(not is_debian_12(), reason="the approved pictures are of Debian 12")
@pytest.mark.parametrize("name", PAPERS)
def test_pages_look_as_approved(name: str) -> None:
    pages = pages_of(pdf_of(PAPERS[name](), AT, {}))
    if os.environ.get("XUNGE_APPROVE"):
        APPROVED.mkdir(exist_ok=True)
        for old in APPROVED.glob(f"{name}-*.png"):
            old.unlink()
        for number, page in enumerate(pages, start=1):
            page.quantize(8).save(APPROVED / f"{name}-{number}.png", optimize=True)
    approved = sorted(APPROVED.glob(f"{name}-*.png"))
    assert len(approved) == len(pages)
    for path, page in zip(approved, pages, strict=True):
        with Image.open(path) as picture:
            assert difference(picture.convert("L"), page) < 0.002, path.name


def test_the_comparison_sees_a_line_that_moved() -> None:
    (page,) = pages_of(pdf_of(PAPERS["order"](), AT, {}))
    moved = Image.new("L", page.size, 255)
    moved.paste(page, (0, 6))
    assert difference(page, page) == 0
    assert difference(page, moved) > 0.002


def test_long_tables_repeat_their_heads_and_every_page_is_counted() -> None:
    pages = [
        "".join(page.extract_text().split())
        for page in pypdf.PdfReader(
            io.BytesIO(pdf_of(paper(PaperKind.INSPECTION_RECORD, with_goods(60)), AT, {}))
        ).pages
    ]
    with_lines = [page for page in pages if "样例（硬红）" in page]
    assert len(with_lines) >= 2
    assert all("序号品类品种规格数量单位折合" in page for page in with_lines)
    assert sum(page.count("合计：61行") for page in pages) == 1
    assert [f"第{number}页共{len(pages)}页" in page for number, page in enumerate(pages, start=1)] == [
        True
    ] * len(pages)
    assert all("当事人（见证人）签名" in page for page in pages)


def test_nothing_runs_over_the_margin() -> None:
    for page in pages_of(pdf_of(PAPERS["refused"](), AT, {})):
        # 22 mm on the right and 26 mm on the left, but for a millimetre.
        right, left = page.width * (1 - 21 / 210), page.width * 25 / 210
        for edge in ((int(right), 0, page.width, page.height), (0, 0, int(left), page.height)):
            assert page.crop(edge).getextrema() == (255, 255)


def test_what_people_wrote_stays_text() -> None:
    record = ordering()
    nasty = "<script>alert(1)</script><img src=https://x.example/y>"
    record["narrative"] = nasty
    page = html_of(paper(PaperKind.INSPECTION_RECORD, record), AT, {})
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_the_same_paper_is_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.papers.test_pictures import PAPERS, AT, pdf_of\n"
        "import hashlib; print(hashlib.sha256(pdf_of(PAPERS['order'](), AT, {})).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert other.stdout.strip() == hashlib.sha256(pdf_of(PAPERS["order"](), AT, {})).hexdigest()
