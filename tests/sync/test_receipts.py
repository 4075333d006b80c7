"""Receipts: what the server says it has is what it has, and anybody can tell with nothing but the public keys."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from sync import tables
from sync.keys import KeyRing, KeysUnusable, create_keys, rotate_keys
from sync.receipts import MAX_IDS, BadReceipt, Files, Receipts, verify_receipt
from tests.sync.handheld import Document, Handheld, new_edit
from tests.sync.toy import BUREAU, DEVICE, NOW, READER, reader_of, toy_app

SOME, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "receipts.json"
    assert create_keys(path)
    return path


@pytest.fixture
def client(toy_sessions: sessionmaker[Session], keys_file: Path) -> FlaskClient:
    return toy_app(toy_sessions, reader_of(), Receipts(KeyRing(keys_file))).test_client()


@pytest.fixture
def device(client: FlaskClient, toy_sessions: sessionmaker[Session]) -> Handheld:
    return Handheld(client, toy_sessions)


def a_note(text: str = "a note", **more: Any) -> Document:
    return {"id": str(uuid.uuid4()), "edit_id": str(uuid.uuid4()), "_deleted": False, "text": text, **more}


def ask(client: FlaskClient, ids: Sequence[Any]) -> str:
    answer = client.post("/sync/v1/receipts", json=list(ids))
    assert (answer.status_code, answer.mimetype) == (200, "application/jose"), answer.text
    return answer.text


def public_keys(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/sync/v1/keys")
    assert (answer.status_code, answer.mimetype) == (200, "application/jwk-set+json")
    assert answer.cache_control.max_age
    keys: dict[str, Any] = json.loads(answer.data)
    return keys


def claims_of(client: FlaskClient, *ids: Any) -> dict[str, Any]:
    return verify_receipt(ask(client, ids), public_keys(client))


def rows_of(client: FlaskClient, *ids: Any) -> dict[str, tuple[str, str]]:
    """By id: what became of it and under which edit."""
    rows = claims_of(client, *ids)["rows"]
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: (row["state"], row["edit_id"]) for row in rows}


# ── what is on it ─────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_says_who_pushed_what_from_where_and_when(client: FlaskClient, device: Handheld) -> None:
    written = a_note()
    device.push("notes", written)

    assert claims_of(client, written["id"]) == {
        "iss": str(BUREAU),
        "sub": str(READER),
        "device": str(DEVICE),
        "iat": int(NOW.timestamp()),
        "backup_before": None,
        "rows": [
            {
                "id": written["id"],
                "edit_id": written["edit_id"],
                "collection": "notes",
                "received_at": NOW.isoformat(),
                "state": "stored",
                "files": [],
                "missing_files": [],
            }
        ],
    }


def test_each_row_has_the_newest_edit_that_was_pushed_and_its_fate(
    client: FlaskClient, device: Handheld
) -> None:
    first, lost, unfit = a_note("first"), a_note("lost"), a_note(weight=2**40)
    edited, losing = new_edit(first, text="edited"), new_edit(lost, text="losing")
    device.push("notes", first, lost, unfit)
    device.push("notes", edited, assumed=[first])
    device.push("notes", losing, assumed=[new_edit(lost)])
    answered = device.held["notes"][unfit["id"]]

    assert rows_of(client, first["id"], lost["id"], unfit["id"]) == {
        first["id"]: ("stored", edited["edit_id"]),
        lost["id"]: ("lost_edit", losing["edit_id"]),
        unfit["id"]: ("quarantined", answered["edit_id"]),
    }


def test_a_row_that_was_corrected_after_quarantine_is_stored(client: FlaskClient, device: Handheld) -> None:
    unfit = a_note(weight=2**40)
    device.push("notes", unfit)
    corrected = new_edit(unfit, weight=4)
    device.push("notes", corrected)

    assert rows_of(client, unfit["id"]) == {unfit["id"]: ("stored", corrected["edit_id"])}


def test_a_row_sent_again_was_received_when_it_first_came(
    client: FlaskClient, device: Handheld, toy_sessions: sessionmaker[Session]
) -> None:
    written = a_note()
    device.push("notes", written)
    device.push("notes", written)
    with toy_sessions.begin() as session:
        last = select(tables.push_log.c.seq).order_by(tables.push_log.c.seq.desc()).limit(1).scalar_subquery()
        session.execute(
            tables.push_log.update().where(tables.push_log.c.seq == last).values(at=NOW + timedelta(days=1))
        )

    (row,) = claims_of(client, written["id"])["rows"]
    assert (row["state"], row["received_at"]) == ("stored", NOW.isoformat())


def test_guard_what_the_server_does_not_have_is_on_no_receipt(
    client: FlaskClient, device: Handheld, toy_sessions: sessionmaker[Session], keys_file: Path
) -> None:
    """Neither ids that nobody pushed, nor what is no UUID, nor what somebody else pushed."""
    written = a_note()
    device.push("notes", written)
    device.push("notes", {**a_note(), "id": "no uuid"})
    strangers = reader_of()
    stranger = type(strangers)(BUREAU, uuid.uuid4(), None, strangers.principals, {})
    others = toy_app(toy_sessions, stranger, Receipts(KeyRing(keys_file))).test_client()

    assert (
        rows_of(client, str(uuid.uuid4()), "no uuid", 7, None, [written["id"]], written["id"].upper()) == {}
    )
    assert rows_of(others, written["id"]) == {}
    assert claims_of(others)["device"] is None


def test_files_that_are_there_and_files_that_are_not_stand_apart(
    toy_sessions: sessionmaker[Session], keys_file: Path
) -> None:
    written, bare = a_note(), a_note()

    def files_of(_work: Any, ids: Sequence[uuid.UUID]) -> Files:
        assert set(map(str, ids)) == {written["id"], bare["id"]}
        return {uuid.UUID(written["id"]): ((OTHER, SOME), (SOME,))}

    receipts = Receipts(KeyRing(keys_file), files_of=files_of, safe_before=lambda work: work.now)
    client = toy_app(toy_sessions, reader_of(), receipts).test_client()
    Handheld(client, toy_sessions).push("notes", written, bare)

    claims = claims_of(client, written["id"], bare["id"], str(uuid.uuid4()))

    files = {row["id"]: (row["files"], row["missing_files"]) for row in claims["rows"]}
    assert files == {written["id"]: ([SOME, OTHER], [SOME]), bare["id"]: ([], [])}
    assert claims["backup_before"] == NOW.isoformat()


def test_a_revoked_device_gets_its_receipts(toy_sessions: sessionmaker[Session], keys_file: Path) -> None:
    revoked = reader_of(may_pull=False)
    client = toy_app(toy_sessions, revoked, Receipts(KeyRing(keys_file))).test_client()
    written = a_note()
    Handheld(client, toy_sessions).push("notes", written)

    assert rows_of(client, written["id"])[written["id"]][0] == "stored"


# ── signed ────────────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_is_verified_with_the_public_keys_alone_after_a_rotation_too(
    client: FlaskClient, device: Handheld, keys_file: Path
) -> None:
    written = a_note()
    device.push("notes", written)
    before = ask(client, [written["id"]])
    former = public_keys(client)

    rotate_keys(keys_file)

    after, keys = ask(client, [written["id"]]), public_keys(client)
    assert verify_receipt(before, former) == verify_receipt(before, keys) == verify_receipt(after, keys)
    with pytest.raises(BadReceipt):
        verify_receipt(after, former)


def test_neither_the_public_keys_nor_the_former_ones_on_disk_can_sign(
    client: FlaskClient, keys_file: Path
) -> None:
    rotate_keys(keys_file)

    assert all("d" not in key for key in public_keys(client)["keys"])
    assert ["d" in key for key in json.loads(keys_file.read_text())["keys"]] == [True, False]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_guard_a_receipt_changed_in_any_part_is_none(
    client: FlaskClient, device: Handheld, part: int
) -> None:
    written = a_note()
    device.push("notes", written)
    parts = ask(client, [written["id"]]).split(".")
    decoded = base64.urlsafe_b64decode(parts[part] + "==")
    changed = decoded.replace(b"stored", b"sto4ed") if part == 1 else decoded[:-8] + b"x" + decoded[-7:]
    parts[part] = base64.urlsafe_b64encode(changed).decode().rstrip("=")

    with pytest.raises(BadReceipt):
        verify_receipt(".".join(parts), public_keys(client))


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "…", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_receipt_is_none(client: FlaskClient, text: str) -> None:
    with pytest.raises(BadReceipt):
        verify_receipt(text, public_keys(client))


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────


def test_keys_are_created_once_for_the_owner_alone(keys_file: Path) -> None:
    written = keys_file.read_bytes()

    assert not create_keys(keys_file)
    assert keys_file.read_bytes() == written
    assert keys_file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in keys_file.parent.iterdir()] == [keys_file.name]


@pytest.mark.parametrize("harm", ["missing", "readable", "empty", "no json", "no key", "public only"])
def test_keys_that_cannot_sign_are_unusable(keys_file: Path, harm: str) -> None:
    public = json.dumps(KeyRing(keys_file).public())
    harmed = {"empty": "", "no json": "{", "no key": '{"keys": []}', "public only": public}
    if harm == "missing":
        keys_file.unlink()
    elif harm == "readable":
        keys_file.chmod(0o640)
    else:
        keys_file.write_text(harmed[harm])

    with pytest.raises(KeysUnusable):
        KeyRing(keys_file).signing()


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"7", b"[", b'["\xff"]', json.dumps([0] * (MAX_IDS + 1)).encode()]
)
def test_a_body_that_is_no_array_of_ids_is_a_bad_envelope(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/sync/v1/receipts", data=body)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_envelope")
