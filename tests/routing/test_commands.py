"""``xunge import roads``, ``xunge roads status`` and what the doctor says of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gis.routing.tiles import TOLD
from server import migrate
from server.doctor import Finding, Level, examine
from server.kernel.events import Event
from server.kernel.settings import Settings
from server.kernel.work import Kernel
from tests.command_line import said, xunge
from tests.routing.conftest import BUILT_AT, HELSINKI, needs_engine
from tests.routing.pbf import extract
from tests.routing.pbf import town as streets
from tests.routing.test_tiles import TOWN
from tests.town import Town

pytestmark = needs_engine


@pytest.fixture(autouse=True)
def installation(settings: Settings, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line looks at this test's own town and its own folder of roads."""
    monkeypatch.setenv("XUNGE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("XUNGE_ROADS_DIR", str(settings.roads_dir))


def events(kernel: Kernel) -> list[Event]:
    """What the trail has of roads."""
    with kernel.sessions() as session:
        return list(session.scalars(select(Event).where(Event.name == "roads.imported").order_by(Event.seq)))


def finding(settings: Settings, now: datetime) -> Finding:
    """What the doctor says of the roads."""
    found = examine(settings, migrate.newest_revision(), lambda: now)
    (roads,) = [one for one in found if one.part == "roads"]
    return roads


def test_roads_come_in_and_are_in_the_trail(settings: Settings, kernel: Kernel, town: Town) -> None:
    printed = said("import", "roads", str(HELSINKI))

    assert "按道路计算" in printed
    assert "© OpenStreetMap contributors, ODbL" in printed
    assert "Helsinki.osm.pbf" in printed
    told = json.loads(said("roads", "status", "--format", "json"))
    assert told["standing"] == "roads_ready"
    assert told["roads"] == json.loads((settings.roads_dir / "current" / TOLD).read_bytes())
    (event,) = events(kernel)
    assert event.bureau_id == town.bureau_id
    assert event.subject_ids == [str(town.bureau_id)]
    assert event.facts == {
        name: told["roads"][name] for name in ("extract", "sha256", "bounds", "data_as_of", "engine", "ways")
    }


def test_new_roads_take_the_place_of_old_ones(settings: Settings, kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "town.osm.pbf").write_bytes(extract(*streets(TOWN)))

    said("import", "roads", str(HELSINKI))
    told = json.loads(said("import", "roads", str(tmp_path / "town.osm.pbf"), "--format", "json"))

    assert told["roads"]["extract"] == "town.osm.pbf"
    assert told["roads"]["attribution"] == "© OpenStreetMap contributors, ODbL"
    assert [event.facts["extract"] for event in events(kernel)] == ["Helsinki.osm.pbf", "town.osm.pbf"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"abcde", "wrong_content"),
        (b"", "file_empty"),
        (None, "file_not_found"),
        (extract([], []), "extract_without_data"),
    ],
)
def test_a_file_that_gives_no_roads_changes_nothing(
    content: bytes | None, code: str, settings: Settings, kernel: Kernel, tmp_path: Path
) -> None:
    file = tmp_path / "x.osm.pbf"
    if content is not None:
        file.write_bytes(content)

    result = xunge("import", "roads", str(file))

    assert result.exit_code == 1
    assert f"Error: {code}: " in result.output
    assert events(kernel) == []
    assert "未导入路网" in said("roads", "status")


def test_a_folder_is_named(tmp_path: Path) -> None:
    result = xunge("import", "roads", str(tmp_path))

    assert result.exit_code == 1
    assert "extract_is_folder" in result.output


def test_a_bureau_that_is_not_there_is_named_before_anything_is_built(settings: Settings) -> None:
    result = xunge("import", "roads", str(HELSINKI), "--bureau", "无此局")

    assert result.exit_code == 1
    assert "--bureau" in result.output
    assert not settings.roads_dir.exists()


def test_roads_that_the_trail_does_not_take_are_not_put_to_use(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **facts: object) -> None:
        raise RuntimeError("the trail takes nothing")

    monkeypatch.setattr("server.roads.ops.record_event", refuse)

    assert xunge("import", "roads", str(HELSINKI)).exit_code == 1

    assert json.loads(said("roads", "status", "--format", "json"))["standing"] == "roads_not_imported"


def test_the_doctor_looks_at_the_roads(settings: Settings) -> None:
    now = datetime.now(UTC)
    assert finding(settings, now).level is Level.OK
    assert "xunge import roads" in finding(settings, now).told

    said("import", "roads", str(HELSINKI))
    fine = finding(settings, now)
    assert fine.level is Level.OK
    assert "Helsinki.osm.pbf" in fine.told
    assert "OpenStreetMap" in fine.told

    old = finding(settings, now + timedelta(days=366))
    assert old.level is Level.WARN
    assert "xunge import roads" in old.advice

    (settings.roads_dir / "current" / TOLD).write_text("{}")
    damaged = finding(settings, now)
    assert damaged.level is Level.WARN
    assert damaged.advice


def test_the_age_of_the_data_counts_where_the_extract_tells_it(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "town.osm.pbf").write_bytes(extract(*streets(TOWN), as_of=BUILT_AT))
    said("import", "roads", str(tmp_path / "town.osm.pbf"))

    assert "2026-07-06" in said("roads", "status")
    assert finding(settings, BUILT_AT + timedelta(days=365)).level is Level.OK
    assert finding(settings, BUILT_AT + timedelta(days=367)).level is Level.WARN
