"""The ``xunge`` command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from server.commands import Lazy
from server.kernel.problems import CATALOGUE, Problem
from server.kernel.settings import read_settings


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xunge")
def main() -> None:
    """巡格 Xunge：网格巡查与复查 · grid patrol and re-inspection."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True)
@click.option("--workers", default=2, show_default=True, help="进程数，宜等于处理器核数 · processes")
def serve(host: str, port: int, workers: int) -> None:
    """启动网站服务 · serve HTTP."""
    from server.serving import serve_http

    serve_http(host, port, workers)


@main.command()
@click.option(
    "--without-long",
    is_flag=True,
    help="不接编排等耗时任务，留给另一个 worker · leave what takes minutes, such as solving plans, to another worker",
)
@click.option("--until-empty", is_flag=True, help="做完排队的任务即退出 · end once nothing waits")
def worker(without_long: bool, until_empty: bool) -> None:
    """启动后台任务 · work the job queues."""
    from server.worker import run_worker

    run_worker(read_settings(), without_long=without_long, until_empty=until_empty)


@main.command()
def scheduler() -> None:
    """启动定时任务 · enqueue the nightly jobs."""
    from server.worker import run_scheduler

    run_scheduler(read_settings())


@main.command()
@click.option("--check", is_flag=True, help="只检查模型与迁移是否一致 · only compare models and migrations")
@click.option("--draft", metavar="MESSAGE", help="按差异起草一个新迁移 · write a new revision")
@click.option(
    "--with-keys", is_flag=True, help="没有回执签名密钥时一并新建 · also create keys if there are none"
)
def migrate(check: bool, draft: str | None, with_keys: bool) -> None:
    """更新数据库结构 · bring the database to the newest revision."""
    from server import migrate as migrations
    from sync.keys import create_keys

    if draft:
        migrations.draft(draft)
    elif check:
        if difference := migrations.check():
            raise click.ClickException(difference)
        click.echo("模型与迁移一致 · models and migrations agree")
    else:
        migrations.apply()
        if with_keys:
            create_keys(read_settings().receipt_keys_file)


@main.command()
@click.option("--check", is_flag=True, help="与 docs/openapi.json 比较 · compare with docs/openapi.json")
@click.option(
    "--file", "path", type=click.Path(path_type=Path), default=Path("docs/openapi.json"), show_default=True
)
def openapi(check: bool, path: Path) -> None:
    """写出接口文档 · write the OpenAPI document, or check that it has not drifted."""
    from server.app import create_app, openapi_of

    text = openapi_of(create_app(read_settings()))
    if not check:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        raise click.ClickException(
            f"{path} 已过时，请运行 xunge openapi · {path} is out of date: run xunge openapi"
        )


@main.command()
def errors() -> None:
    """列出全部错误代码 · list every problem code."""
    for code, kind in sorted(CATALOGUE.items()):
        click.echo(f"{code}\t{kind.status}\t{kind.zh}\t{kind.en}")


def run() -> None:
    """The entry point: a problem is a sentence and exit 1, not a trace."""
    try:
        main(standalone_mode=False)
    except Problem as problem:
        click.echo(f"{problem.code}: {problem.detail}", err=True)
        for fault in problem.errors:
            click.echo(json.dumps(fault, ensure_ascii=False), err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("已取消 · aborted", err=True)
        sys.exit(130)
    except Exception as error:
        if (told := _unusable(error)) is None:
            raise
        click.echo(f"数据库 · the database: {told}", err=True)
        click.echo("运行 xunge doctor 查看原因和办法 · xunge doctor tells why and what to do", err=True)
        sys.exit(1)


def _unusable(error: Exception) -> str | None:
    """The first line of an error that says that the database is away, or of another version than the program."""
    from psycopg2.errors import UndefinedColumn, UndefinedTable
    from sqlalchemy.exc import DBAPIError, OperationalError

    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error, OperationalError) or isinstance(error.orig, UndefinedColumn | UndefinedTable):
        return str(error.orig).partition("\n")[0]
    return None
