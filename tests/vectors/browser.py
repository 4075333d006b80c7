"""What the browser computes, in node, which strips the types itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NODE = Path(sys.executable).parent / "node"
HERE = Path(__file__).parent


def answers_to(folder: Path, script: str = "answers.mjs") -> dict[str, Any]:
    """What it answers to the vectors of a folder, by file."""
    done = subprocess.run([NODE, HERE / script, folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found
