"""Write tests/vectors/goods/*.json from the reference rules: ``python -m tests.vectors.make_goods``."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from random import Random

from server.records.carton_codes import judge_code, read_code
from server.records.units import CATEGORY_NAMES, UNIT_NAMES, in_ten_thousands, is_unit_of, measure
from tests.vectors.make import text_of
from tests.vectors.written import Json

HERE = Path(__file__).parent / "goods"
OWN, NEIGHBOUR, ELSEWHERE = "990281100321", "990282200877", "880181100001"
FIRST_ROW, SECOND_ROW = "6070600012345637", f"YLYC{OWN}"


def vectors() -> dict[str, Json]:
    """Every file's content by its name."""
    return {
        "carton_codes": {"own": OWN, "vectors": [_code(text) for text in _texts()]},
        "units": {
            "vectors": [
                [category, quantity, unit, [*astuple(measure(category, quantity, unit))]]
                if is_unit_of(category, unit)
                else [category, quantity, unit, None]
                for category in CATEGORY_NAMES
                for unit in UNIT_NAMES
                for quantity in (0, 1, 7, 10**9)
            ],
            "shown": [
                [sticks, str(in_ten_thousands(sticks))]
                for sticks in (0, 49, 50, 149, 150, 2_829_800, 470_800, 1_243_300, 10**15)
            ],
        },
    }


def _code(text: str) -> list[object]:
    """The text, what is read of it, the verdict at the shop, the verdict where there is none."""
    read = read_code(text)
    return [text, None if read is None else [*read], [*judge_code(text, OWN)], [*judge_code(text, None)]]


def _texts() -> list[str]:
    written = [
        FIRST_ROW + SECOND_ROW,
        f"{FIRST_ROW}\n{SECOND_ROW}",
        f" {FIRST_ROW[:4]} {FIRST_ROW[4:]} | ylyc {OWN[:6]}-{OWN[6:]} ",
        "６０７０６０００１２３４５６３７ＹＬＹＣ９９０２８１１００３２１",
        SECOND_ROW,
        *(OWN, NEIGHBOUR, ELSEWHERE, f"YLYC{NEIGHBOUR}", f"{FIRST_ROW}GDST{ELSEWHERE}"),
        # The last and the first carton of a case, and none; the first of a month, and the 29th of February.
        *(f"6070600012345{carton}{SECOND_ROW}" for carton in ("650", "601", "600", "651", "699")),
        *(
            f"{day}00012345637{SECOND_ROW}"
            for day in ("60101", "61231", "60229", "60230", "61301", "60001", "60100")
        ),
        # The letter O for the digit 0, letters in the first row, digits among the letters.
        *(
            OWN.replace("0", "O"),
            f"A{FIRST_ROW[1:]}{SECOND_ROW}",
            f"{FIRST_ROW}Y1YC{OWN}",
            f"{FIRST_ROW}一二三四{OWN}",
        ),
        *(
            "",
            " ",
            OWN[:-1],
            OWN + "1",
            SECOND_ROW[1:],
            FIRST_ROW,
            FIRST_ROW + OWN,
            f"{FIRST_ROW}{SECOND_ROW}0",
        ),
        *(f"{OWN[:-2]}??", f"{OWN[:-2]}＊＊", "□" * 32, "?", "٣" * 12, "ſſſſ" + OWN, "ßß" + OWN),
    ]
    rng = Random(32)
    alphabet = "0123456789ABCDYLC xO?-\u3000９\x1c"
    for _ in range(120):
        text = list(f"{rng.randrange(10**16):016d}" * rng.randrange(2) + SECOND_ROW)
        for _ in range(rng.randrange(3)):
            text[rng.randrange(len(text))] = rng.choice(alphabet)
        written.append("".join(text))
    return written


def main() -> None:
    """Write every file."""
    for name, content in vectors().items():
        (HERE / f"{name}.json").write_text(text_of(content), encoding="utf-8")


if __name__ == "__main__":
    main()
