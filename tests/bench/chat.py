"""`python -m tests.bench.chat`: how long Slack waits for an acknowledgement while twenty people press at once.

Two hundred presses on fifty migrations, two `web` processes, everything delivered twice (Slack has its answer when
both are acknowledged). Added to bench.json beside Slack's own limit of three seconds; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

from tests.support.crowd import MIGRATIONS, crowd

LIMIT = 3.0
"""docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response"""


def main() -> None:
    """Presses, and writes p50, p95 and p99 in seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.chat")
    parser.add_argument("--out", default="bench.json")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with crowd() as made:
        presses = made.press()
        made.finish()
    lost = sum(not press.acked for press in presses)
    cuts = statistics.quantiles([press.seconds for press in presses], n=100, method="inclusive")
    dataset = f"{len(presses)} presses on {len(MIGRATIONS)} migrations"
    lines = [_line(dataset, f"acknowledged p{part}", cuts[part - 1]) for part in (50, 95, 99)]
    print(f"{dataset}, {lost} not acknowledged, load now {os.getloadavg()[0]:.1f}")
    out = Path(asked.out)
    before = json.loads(out.read_text()) if out.exists() else []
    out.write_text(json.dumps([*(line for line in before if line["pair"] != "chat"), *lines], indent=1) + "\n")


def _line(dataset: str, metric: str, seconds: float) -> dict[str, Any]:
    print(f"  {metric:24} {seconds:9.3f} s")
    peer = {"peer": "Slack's limit", "peer_version": ""}
    figures = {"metric": metric, "ours": round(seconds, 3), "theirs": LIMIT, "ratio": round(seconds / LIMIT, 2)}
    return {"pair": "chat", "dataset": dataset, **peer, **figures}


if __name__ == "__main__":
    main()
