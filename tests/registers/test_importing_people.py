"""``xunge import people``: persons, certificates and squads, and what they see from then on."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.grids.ops import assign_duty
from server.kernel.actor import house
from tests.registers.conftest import Registry
from tests.registers.files import PEOPLE_HEADINGS, comma_separated, person_row, workbook
from tests.town import MONDAY

ENGLISH = {
    "name": "name",
    "staff_no": "Staff Number",
    "kind": "Person kind",
    "cert_no": "Certificate",
    "cert_from": "Certificate valid from",
    "cert_to": "Certificate valid to",
    "squad_name": "Squad",
    "leads": "Squad leader",
}


def sheet(path: Path, *rows: dict[str, Any]) -> Path:
    return workbook(path, rows, PEOPLE_HEADINGS, preamble=("试样局执法人员名册",), total=False)


def test_a_list_of_people(registry: Registry, tmp_path: Path) -> None:
    rows = [
        person_row(1, leads="是"),
        person_row(2),
        person_row(3, kind="辅助人员", cert_no=None, cert_from=None, cert_to=None),
        person_row(4, cert_no="９９０２０００４"),
    ]
    file = sheet(tmp_path / "人员.xlsx", *rows)
    before = registry.state()
    assert registry.outcome("people", file, "--dry-run")["new"] == 4
    assert registry.state() == before
    told = registry.outcome("people", file)
    assert (told["new"], told["bad"], [one["code"] for one in told["warnings"]]) == (
        4,
        [],
        ["number_repaired"],
    )
    kinds = "select kind from person where staff_no like 'T%' order by staff_no"
    assert registry.column(kinds) == ["officer", "officer", "auxiliary", "officer"]
    assert registry.column("select count(*) from squad where name = '试样新中队'") == [1]
    leads = (
        "select p.staff_no from squad_member m join person p on p.id = m.person_id join squad s on s.id = m.squad_id"
        " where m.leads and s.name = '试样新中队'"
    )
    assert registry.column(leads) == ["T001"]
    assert registry.column("select cert_no from certificate where cert_no like '990200%' order by 1") == [
        "990200001",
        "990200002",
        "99020004",
    ]
    before = registry.state()
    assert registry.outcome("people", file)["unchanged"] == 4
    assert registry.state() == before


def test_english_headings(registry: Registry, tmp_path: Path) -> None:
    rows = [person_row(1, kind="officer", leads="yes"), person_row(2, kind="auxiliary", cert_no=None)]
    file = comma_separated(tmp_path / "people.csv", rows, ENGLISH)
    assert registry.outcome("people", file)["new"] == 2
    assert registry.outcome("people", file)["unchanged"] == 2


def test_faults(registry: Registry, tmp_path: Path) -> None:
    taken = registry.town.cert_nos["li"]
    faults: dict[str, dict[str, Any]] = {
        "name_missing": {"name": None},
        "staff_no_missing": {"staff_no": None, "cert_no": None, "kind": "辅助人员"},
        "kind_unknown": {"kind": "保安"},
        "certificate_missing": {"cert_no": None},
        "person_duplicate": {"staff_no": "T001"},
        "date_missing": {"cert_to": None},
        "date_malformed": {"cert_from": "2024年13月1日"},
        "dates_reversed": {"cert_from": date(2028, 1, 1), "cert_to": date(2024, 1, 1)},
        "leads_unknown": {"leads": "也许"},
        "certificate_taken": {"cert_no": taken},
    }
    rows = [person_row(1)] + [person_row(10 + n, **changed) for n, changed in enumerate(faults.values())]
    told = registry.outcome("people", sheet(tmp_path / "a.xlsx", *rows))
    assert [bad["code"] for bad in told["bad"]] == list(faults)
    assert registry.column("select staff_no from person where staff_no like 'T%'") == ["T001"]
    strict = registry.refused("people", sheet(tmp_path / "b.xlsx", person_row(2), rows[-1]), "--strict")
    assert "certificate_taken" in strict
    other_end = person_row(1, staff_no="S000", name="li", cert_no=taken, cert_to=date(2030, 12, 31))
    told = registry.outcome("people", sheet(tmp_path / "c.xlsx", other_end))
    assert [bad["code"] for bad in told["bad"]] == ["certificate_differs"]


def test_a_bad_row_founds_no_squad(registry: Registry, tmp_path: Path) -> None:
    bad = person_row(1, cert_no=registry.town.cert_nos["li"], squad_name="不存在的中队")
    registry.outcome("people", sheet(tmp_path / "a.xlsx", bad))
    assert registry.column("select count(*) from squad where name = '不存在的中队'") == [0]


def test_who_joins_a_squad_sees_its_cells(registry: Registry, tmp_path: Path) -> None:
    town = registry.town
    file = sheet(tmp_path / "a.xlsx", person_row(1, squad_name="试样1中队"))
    registry.outcome("people", file)
    person = registry.column("select id from person where staff_no = 'T001'")[0]
    cells = "select cell_id from scope where person_id = :id order by cell_id"
    assert registry.column(cells, id=person) == sorted(town.cells[:2])
    fed = "select count(*) from feed where principal = :own and collection = 'cells'"
    assert registry.column(fed, own=f"officer:{person}") == [2]
    # Another squad from today on: what the first one has is taken back.
    registry.outcome("people", sheet(tmp_path / "b.xlsx", person_row(1, squad_name="试样2中队")))
    assert registry.column(cells, id=person) == sorted(town.cells[2:])
    # And out of every squad.
    registry.outcome("people", sheet(tmp_path / "c.xlsx", person_row(1, squad_name=None)))
    assert registry.column(cells, id=person) == []


def test_a_new_squad_sees_what_it_is_given(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("people", sheet(tmp_path / "a.xlsx", person_row(1), person_row(2)))
    squad, lead = (
        registry.column("select id from squad where name = '试样新中队'")[0],
        registry.column("select id from person where staff_no = 'T001'")[0],
    )
    with registry.kernel.work(house(registry.town.bureau_id), MONDAY + timedelta(days=365)) as work:
        assign_duty(work, [registry.town.cells[3]], squad, lead, date(2026, 1, 1))
    seen = "select count(*) from scope where squad_id = :id"
    assert registry.column(seen, id=squad) == [2]


def test_a_list_without_columns_leaves_what_is_known(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("people", sheet(tmp_path / "a.xlsx", person_row(1, squad_name="试样1中队", leads="是")))
    before = registry.state()
    few = {
        name: PEOPLE_HEADINGS[name]
        for name in ("name", "staff_no", "kind", "cert_no", "cert_from", "cert_to")
    }
    short = workbook(tmp_path / "b.xlsx", [person_row(1)], few, total=False)
    assert registry.outcome("people", short)["unchanged"] == 1
    assert registry.state() == before


def test_a_new_certificate_is_added_to_the_old_one(registry: Registry, tmp_path: Path) -> None:
    registry.outcome("people", sheet(tmp_path / "a.xlsx", person_row(1)))
    renewed = person_row(1, cert_no="990299999", cert_from=date(2026, 1, 1), cert_to=date(2030, 12, 31))
    told = registry.outcome("people", sheet(tmp_path / "b.xlsx", renewed))
    assert told["changes"] == [{"key": "T001", "fields": ["certificate"]}]
    numbers = "select cert_no from certificate c join person p on p.id = c.person_id where staff_no = 'T001' order by 1"
    assert registry.column(numbers) == ["990200001", "990299999"]


@pytest.mark.parametrize("field", ["name", "phone", "kind"])
def test_changes_reach_the_handhelds(registry: Registry, tmp_path: Path, field: str) -> None:
    registry.outcome("people", sheet(tmp_path / "a.xlsx", person_row(1), person_row(2)))
    top = registry.column("select max(seq) from feed")[0]
    changed = {"name": "试样改名", "phone": "10000009999", "kind": "工作人员"}[field]
    told = registry.outcome(
        "people", sheet(tmp_path / "b.xlsx", person_row(1, **{field: changed}), person_row(2))
    )
    assert told["changes"] == [{"key": "T001", "fields": [field]}]
    touched = "select id from feed where collection = 'people' and seq > :top"
    assert registry.column(touched, top=top) == registry.column(
        "select id from person where staff_no = 'T001'"
    )
