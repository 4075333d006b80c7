"""``xunge keys``: the keys that sign receipts."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from server.kernel.settings import read_settings
from sync.keys import KeyRing, KeysUnusable, create_keys, rotate_keys
from sync.receipts import BadReceipt, verify_receipt


@click.group("keys")
def group() -> None:
    """回执签名密钥 · the keys that sign receipts."""


def _file() -> Path:
    return read_settings().receipt_keys_file


@group.command()
def create() -> None:
    """没有密钥时新建一个 · create a key if there is none."""
    path = _file()
    click.echo(f"已新建 · created {path}" if create_keys(path) else f"已有 · there is one {path}")


@group.command()
def rotate() -> None:
    """换用新密钥签名，旧密钥只留公钥用于核验 · sign with a new key; former ones only verify."""
    try:
        click.echo(rotate_keys(_file()))
    except KeysUnusable as error:
        raise click.ClickException(str(error)) from error


@group.command()
def show() -> None:
    """显示公钥（JWK 集），第一个用于签名 · print the public JWK set, the signing key first."""
    ring = KeyRing(_file())
    try:
        ring.signing()
        click.echo(json.dumps(ring.public(), indent=1))
    except KeysUnusable as error:
        raise click.ClickException(str(error)) from error


@group.command()
@click.argument("receipt", type=click.File("rb"))
@click.option(
    "--keys",
    "public",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="公钥文件，默认用本机密钥 · a public JWK set; default: the keys of this machine",
)
def verify(receipt: BinaryIO, public: Path | None) -> None:
    """离线核验回执文件（- 为标准输入）并显示内容 · verify a receipt without the server and print it."""
    try:
        keys = json.loads(public.read_bytes()) if public else KeyRing(_file()).public()
        claims = verify_receipt(receipt.read().decode("ascii", "replace").strip(), keys)
    except (BadReceipt, KeysUnusable, ValueError) as error:
        click.echo(f"回执无效 · not a valid receipt: {error}", err=True)
        sys.exit(1)
    issued = datetime.fromtimestamp(claims["iat"], UTC).isoformat()
    click.echo(json.dumps(claims, ensure_ascii=False, indent=1))
    click.echo(f"回执有效，签发于 · valid, issued at {issued}", err=True)
