"""The answers of a registration list (先行登记保存清单): lines, and the totals that a handheld adds up."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

Answers = dict[str, Any]


class RegisteredGoods(NamedTuple):
    """A line as the officers count it; the unit is one of the category."""

    category: str
    product_spec: str
    quantity: int
    unit: str
    condition: str = "sound"


def registration_answers(
    lines: Sequence[RegisteredGoods],
    *,
    at: datetime,
    inspection_id: uuid.UUID,
    approver_id: uuid.UUID | None,
    channel: Literal["desk", "phone", "urgent_later"],
    taken: bool,
    signatures: Sequence[Answers],
) -> Answers:
    """A whole list, signed ``at`` that moment by everybody; ``taken`` goods go to the bureau's store."""
    counted: Counter[str] = Counter()
    for line in lines:
        counted[line.unit] += line.quantity
    approval = {
        "approver": "样例局长",
        "approver_id": str(approver_id) if approver_id else None,
        "channel": channel,
        "approved_at": None if channel == "urgent_later" else at.isoformat(timespec="seconds"),
        "approval_no": f"样烟登审〔{at.year}〕{at:%m%d%H%M}号" if channel == "desk" else None,
        "urgency": "当事人可能转移证据，来不及事先报批。" if channel == "urgent_later" else None,
    }
    return {
        "record_id": str(inspection_id),
        "approval": approval,
        "party": {"name": "样例户主", "id_no": None, "phone": None, "attendance": "signed"},
        "witness": None,
        "keep_mode": "taken" if taken else "in_place",
        "place_kept": "样例市局证物库" if taken else "当事人经营场所",
        "keeper": {"name": "样例保管员" if taken else "样例户主", "phone": None},
        "seal_nos": [f"封{at:%m%d}-{number:02d}" for number in range(1, len(lines) + 1)],
        "registered_at": at.isoformat(timespec="seconds"),
        "lines": [
            {
                "seq": seq,
                "category": line.category,
                "product_spec": line.product_spec,
                "quantity": line.quantity,
                "unit": line.unit,
                "condition": line.condition,
                "packaging": "原包装",
            }
            for seq, line in enumerate(lines, start=1)
        ],
        "totals": {
            "lines": len(lines),
            "quantities": [{"unit": unit, "quantity": quantity} for unit, quantity in counted.items()],
        },
        "signatures": list(signatures),
        "note": None,
    }
