"""What followed from the day on the server: duties with their days, goods kept until a day, words put right, numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
import httpx
from rich.console import Console

from server.demo.shift.errand import Errand

_NUMBERED_WITHIN_S = 30.0


def show_what_followed(desk: httpx.Client, done: Sequence[Errand], console: Console) -> None:
    """Print it, each with the record that it follows from.

    Raises:
        click.ClickException: when something that must follow is not there.
    """
    console.print("\n五、由此产生的后续：")
    for errand in done:
        record_id = errand.document["id"]
        if errand.asks:
            duty = _duty(desk, errand)
            console.print(
                f"   {errand.asks.label_zh}：{duty['first_day']} 至 {duty['last_day']}，依据记录 {record_id}"
            )
        if errand.registers:
            kept = desk.get(f"/api/v1/registration-lists/{record_id}").raise_for_status().json()
            console.print(
                f"   先行登记保存：{kept['lines']} 种，须于 {kept['decide_by']} 前作出处理决定"
                f"（七个工作日），依据记录 {record_id}"
            )
        if errand.amends:
            told = desk.get(f"/api/v1/records/{record_id}").raise_for_status().json()
            if told["document"]["amends_id"] != str(errand.amends):
                raise click.ClickException(f"更正没有关联 · the amendment is not linked: {record_id}")
            console.print(f"   更正：{record_id} 更正 {errand.amends}，原记录保留")
    numbers = _numbers(desk, [errand.document["id"] for errand in done if errand.registers])
    console.print(f"   文书编号：{'、'.join(numbers)}")


def _duty(desk: httpx.Client, errand: Errand) -> dict[str, Any]:
    asked = {"subject_id": errand.document["subject_id"], "rule": errand.asks, "limit": 1000}
    found = desk.get("/api/v1/obligations", params=asked).raise_for_status().json()["items"]
    standing = [one for one in found if one["withdrawn_at"] is None]
    if not standing:
        raise click.ClickException(f"没有产生后续任务 · nothing followed from {errand.document['id']}")
    newest: dict[str, Any] = max(standing, key=lambda one: (one["known_at"], one["key"]))
    return newest


def _numbers(desk: httpx.Client, record_ids: Sequence[str]) -> list[str]:
    """The official numbers of the papers; a job gives them a moment after the push."""
    give_up = time.monotonic() + _NUMBERED_WITHIN_S
    while True:
        told = [desk.get(f"/api/v1/records/{one}").raise_for_status().json()["numbers"] for one in record_ids]
        if all(told):
            return sorted(number for one in told for number in one.values())
        if time.monotonic() > give_up:
            raise click.ClickException(
                "文书没有编号，请看后台任务是否在运行 · no numbers; is the worker running?"
            )
        time.sleep(0.5)
