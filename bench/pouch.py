"""A peer on the CouchDB protocol: express-pouchdb on LevelDB, if its packages are installed in bench/pouch.

It takes the same documents by the requests of a replicating client: ``_revs_diff`` and ``_bulk_docs`` to push,
``_changes`` and ``_bulk_get`` to pull. It checks no scope and no distance, and keeps no obligations.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).parent
FOLDER = HERE / "pouch"
NODE = HERE.parent / ".venv" / "bin"
MISSING = (
    "pouchdb-server 未安装，未比较；安装：(cd bench/pouch && PATH=$PWD/../../.venv/bin:$PATH npm ci) · "
    "the peer pouchdb-server is not installed, not compared"
)


@dataclass(slots=True)
class Pouch:
    """A running server."""

    connection: http.client.HTTPConnection
    names: count[int] = field(default_factory=count)

    def new_database(self) -> str:
        """An empty database."""
        name = f"/bench{next(self.names)}"
        self._ask("PUT", name)
        return name

    def push(self, documents: Sequence[dict[str, Any]], database: str | None = None) -> Callable[[], object]:
        """What pushes the documents, into a database of their own if none is named; the bodies are made beforehand."""
        database = database or self.new_database()
        revised = [_revised(document) for document in documents]
        asked = orjson.dumps({document["_id"]: [document["_rev"]] for document in revised})
        sent = orjson.dumps({"docs": revised, "new_edits": False})
        return partial(self._push, database, asked, sent)

    def _push(self, database: str, asked: bytes, sent: bytes) -> None:
        missing = self._ask("POST", f"{database}/_revs_diff", asked)
        assert len(missing) > 0
        assert self._ask("POST", f"{database}/_bulk_docs", sent) == [], "no document was refused"

    def pull(self, database: str, limit: int) -> int:
        """Pull the first page; the number of documents."""
        changes = self._ask("GET", f"{database}/_changes?style=all_docs&limit={limit}")["results"]
        wanted = [{"id": one["id"], "rev": one["changes"][0]["rev"]} for one in changes]
        got = self._ask("POST", f"{database}/_bulk_get?revs=true&latest=true", orjson.dumps({"docs": wanted}))
        return sum("ok" in one["docs"][0] for one in got["results"])

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status < 300, answer[:300]
        return orjson.loads(answer)


def _revised(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a replicating client sends it: an id and a first revision."""
    revision = document["edit_id"].replace("-", "")
    plain = {name: value for name, value in document.items() if not name.startswith("_")}
    return {
        **plain,
        "_id": document["id"],
        "_rev": f"1-{revision}",
        "_revisions": {"start": 1, "ids": [revision]},
    }


@contextmanager
def served_pouch() -> Iterator[Pouch | None]:
    """The peer, or ``None`` where it is not installed."""
    if not (FOLDER / "node_modules" / "express-pouchdb").is_dir() or not (NODE / "node").exists():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="xunge-pouch-") as data:
        # The wheel's node is a Python program that starts the real one, so the two are ended together.
        process = subprocess.Popen(
            [str(NODE / "node"), str(FOLDER / "serve.mjs"), data],
            stdout=subprocess.PIPE,
            text=True,
            cwd=data,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            yield Pouch(http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline())))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
