"""``xunge form``: versions of the forms, drafted, published, retired and compared."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from schemas.forms import FormComparisonOut, FormContent, FormDraftIn, FormDraftOut, FormVersionOut
from server.commands.acting import acting, as_account, of_bureau, signed_as
from server.commands.bodies import print_json, read_file
from server.commands.bureau import bureau_work
from server.commands.printing import headed, print_table
from server.commands.times import Moment
from server.kernel.permissions import Permission
from server.records import form_versions
from server.records.forms import load_forms
from server.records.forms_api import compared, drafted, listed
from server.reports.sheets import NO_FIGURE

STATES = {"draft": "草案", "published": "已发布", "retired": "已停用"}
_CHANGES = {
    "added": "新增",
    "removed": "取消",
    "changed": "修改",
    "moved": "顺序",
    "required": "必填",
    "demand": "要求",
}


@click.group("form")
def group() -> None:
    """表单版本 · versions of the forms."""


@group.command("list")
@of_bureau
def list_(bureau: str | None) -> None:
    """列出全部版本和草案 · list every version and draft."""
    table = headed("表单", "版本", "状态", "启用", "停用", "名称")
    with bureau_work(bureau) as work:
        found = listed(work)
        rows: list[tuple[Any, ...]] = [
            (one.form_code, one.version, one.state, one.effective_from, one.retired_at, one.title)
            for one in found["items"]
        ]
        rows += [
            (one["form_code"], one["version"], "draft", None, None, one["title"]) for one in found["drafts"]
        ]
        for code, version, state, since, until, title in sorted(rows, key=lambda row: row[:2]):
            told = [
                moment.astimezone(work.zone).strftime("%Y-%m-%d %H:%M") if moment else NO_FIGURE
                for moment in (since, until)
            ]
            table.add_row(code, str(version), STATES[state], *told, title)
    print_table(table)


@group.command()
@click.argument("form_code")
@click.argument("version", type=int, required=False)
@click.option("--as-draft", is_flag=True, help="只要起草时填写的各项 · only what a draft says, to start from")
@of_bureau
def show(form_code: str, version: int | None, as_draft: bool, bureau: str | None) -> None:
    """以 JSON 显示一个版本，不写版本则显示草案 · show a version as JSON, or the draft."""
    with bureau_work(bureau) as work:
        if version is not None:
            form = form_versions.find_version(work, form_code, version)
            shape = FormContent() if as_draft else FormVersionOut()
            print_json(shape, {name: getattr(form, name) for name in shape.fields})
            return
        draft = form_versions.find_draft(work, form_code)
        if draft is None:
            raise form_versions.no_draft(form_code)
        print_json(FormContent() if as_draft else FormDraftOut(), drafted(work, draft))


@group.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_account
@of_bureau
def draft(file: Path, username: str | None, bureau: str | None) -> None:
    """起草新版本或新表单（JSON，同 POST /forms）· draft a version from a JSON file."""
    given = read_file(file, FormDraftIn())
    with acting(bureau, username, Permission.FORM_MANAGE) as work:
        made = drafted(work, form_versions.draft_form(work, given))
    click.echo(f"已起草 {made['form_code']} 第 {made['version']} 版，待他人发布 · drafted")


@group.command()
@click.argument("form_code")
@as_account
@of_bureau
def discard(form_code: str, username: str | None, bureau: str | None) -> None:
    """撤回草案 · take a draft back."""
    with acting(bureau, username, Permission.FORM_MANAGE) as work:
        form_versions.discard_draft(work, form_code)
    click.echo(f"{form_code} 的草案已撤回 · discarded")


@group.command()
@click.argument("form_code")
@click.option(
    "--from", "since", type=Moment(), help="启用时间，缺省为即时 · from when on, at once if left out"
)
@signed_as
@of_bureau
def publish(form_code: str, since: datetime | None, username: str, bureau: str | None) -> None:
    """发布草案（法制人员或局领导，非起草人）· publish a draft; asks for the publisher's password."""
    with acting(bureau, username, Permission.FORM_PUBLISH) as work:
        if since is not None and since.tzinfo is None:
            since = since.replace(tzinfo=work.zone)
        form = form_versions.publish_draft(work, form_code, since)
        version = form.version
    click.echo(f"{form_code} 第 {version} 版已发布 · published")


@group.command()
@click.argument("form_code")
@click.argument("version", type=int)
@click.option("--reason", required=True, help="停用理由 · why")
@signed_as
@of_bureau
def retire(form_code: str, version: int, reason: str, username: str, bureau: str | None) -> None:
    """停用一个版本 · let nobody begin a record on a version any more."""
    with acting(bureau, username, Permission.FORM_PUBLISH) as work:
        form_versions.retire_version(work, form_code, version, reason)
    click.echo(f"{form_code} 第 {version} 版已停用，已有记录不受影响 · retired")


@group.command()
@click.argument("form_code")
@click.argument("since", metavar="FROM", type=int)
@click.argument("to", type=int, required=False)
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@of_bureau
def compare(form_code: str, since: int, to: int | None, shape: str, bureau: str | None) -> None:
    """比较两个版本，不写后一版则与草案比较 · what one version, or the draft, asks otherwise."""
    with bureau_work(bureau) as work:
        number, changes = compared(work, form_code, since, to)
    if shape == "json":
        found = {"form_code": form_code, "since": since, "to": number, "changes": changes}
        print_json(FormComparisonOut(), found)
        return
    if not changes:
        click.echo("两个版本没有差异 · they say the same")
        return
    table = headed("差异", "位置", "说明", title=f"{form_code} 第 {since} 版 → 第 {number} 版")
    for change in changes:
        table.add_row(_CHANGES[change.what], change.path or NO_FIGURE, change.sentence)
    print_table(table)


@group.command()
@of_bureau
def packaged(bureau: str | None) -> None:
    """发布随软件更新而来、本单位尚缺的表单版本 · publish the packaged versions that the bureau lacks."""
    with bureau_work(bureau) as work:
        count = form_versions.publish_forms(work)
        own = [
            f"{one.form_code} 第 {one.version} 版"
            for one in load_forms()
            if form_versions.definition_of(
                form_versions.find_version(work, one.form_code, one.version), one.version
            )
            != one
        ]
    click.echo(f"已发布 {count} 个版本 · published")
    for name in own:
        click.echo(f"{name}为本单位自有内容，未以随附版本替换 · the bureau's own was kept")
