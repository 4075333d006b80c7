"""The tus protocol from outside: every word of it that a client may rely on."""

from __future__ import annotations

from tests.evidence.conftest import MakeDevice


def test_a_file_sent_in_parts_is_received(device: MakeDevice, photo: bytes) -> None:
    li = device()
    address = li.begin(photo)
    half = len(photo) // 2
    first = li.send(address, 0, photo[:half])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(half))
    assert first.headers["Upload-Expires"].endswith("GMT")
    assert li.offset(address) == half
    last = li.send(address, half, photo[half:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(photo)))
    assert "Upload-Expires" not in last.headers
    assert li.offset(address) == len(photo)
