"""``xunge import roads`` and ``xunge roads``: the road network in, and how it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from gis.exchange.coded import CodedError
from gis.routing.engine import version
from gis.routing.tiles import State, Step, TilesInfo, built_tiles, state_of
from server.commands.acting import of_bureau
from server.commands.bureau import bureau_works
from server.commands.printing import count_progress, headed, print_table
from server.kernel.settings import read_settings
from server.reports.sheets import NO_FIGURE
from server.roads.ops import import_roads

_WORDS = {
    Step.READ: "读取 · read",
    Step.WAYS: "道路 · ways",
    Step.RELATIONS: "转向限制 · relations",
    Step.NODES: "路口 · nodes",
    Step.EDGES: "路段 · edges",
    Step.ENHANCE: "补充 · enhance",
    Step.LEVELS: "分级 · levels",
    Step.SHORTCUTS: "捷径 · shortcuts",
    Step.RESTRICTIONS: "通行限制 · restrictions",
    Step.VALIDATE: "核对 · validate",
    Step.PACK: "打包 · pack",
}

_shape = click.option(
    "--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True
)


@click.command("roads")
@click.argument("file", type=click.Path(path_type=Path))
@_shape
@of_bureau
def command(file: Path, shape: str, bureau: str | None) -> None:
    """导入路网（OpenStreetMap 的 .osm.pbf） · import roads; the former ones stay in use until the new ones are whole."""
    steps = list(Step)
    try:
        with count_progress() as bar, bureau_works(bureau) as open_work:
            task = bar.add_task(_WORDS[Step.READ], total=len(steps))

            def on_progress(step: Step) -> None:
                bar.update(task, description=_WORDS[step], completed=steps.index(step))

            folder = read_settings().roads_dir
            with built_tiles(file, folder, on_progress, built_at=datetime.now(UTC)) as built:
                with open_work(datetime.now(UTC)) as work:
                    import_roads(work, built)
                bar.update(task, completed=len(steps))
    except CodedError as error:
        raise click.ClickException(f"{error.code}: {error.sentence}") from error
    _tell(state_of(folder), shape)


@click.group("roads")
def group() -> None:
    """路网 · the road network."""


@group.command()
@_shape
def status(shape: str) -> None:
    """是否按道路计算、用的哪份路网 · whether travel goes by road, and by which roads."""
    _tell(state_of(read_settings().roads_dir), shape)


def _tell(state: State, shape: str) -> None:
    if shape == "json":
        told = {
            "standing": str(state.standing),
            "engine": version() or None,
            "roads": state.info.as_json() if state.info else None,
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    click.echo(state.standing.say())
    if state.info is not None:
        _print(state.info)


def _print(info: TilesInfo) -> None:
    table = headed("项目 · what", "内容 · value")
    zone = read_settings().zone
    bounds = ", ".join(f"{side:.4f}" for side in info.bounds) if info.bounds else NO_FIGURE
    table.add_row("文件 · extract", info.extract)
    table.add_row("SHA-256", info.sha256)
    table.add_row("范围（西南东北） · west, south, east, north", bounds)
    table.add_row("数据日期 · data as of", f"{info.data_as_of:%Y-%m-%d}" if info.data_as_of else NO_FIGURE)
    table.add_row("导入时间 · imported", f"{info.built_at.astimezone(zone):%Y-%m-%d %H:%M}")
    table.add_row("道路、路口、路段 · ways, nodes, edges", f"{info.ways}, {info.nodes}, {info.edges}")
    table.add_row("大小 · size", f"{info.packed_bytes / 1e6:.1f} MB")
    table.add_row("组件版本 · engine", info.engine)
    table.add_row("数据来源 · attribution", info.attribution)
    print_table(table)
