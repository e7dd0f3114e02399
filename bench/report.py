"""What every bench prints: a table for people, and with --json one object on the last line for machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

Figures = dict[str, float | dict[str, float]]


def arguments(description: str) -> argparse.Namespace:
    """`--json` and `--quick`, the same for every bench."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--quick", action="store_true", help="a short run, for a look rather than for a figure")
    return parser.parse_args()


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50 and p95 by the nearest rank. Raises ValueError without a value: a bench that measured nothing failed."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return {
        name: round(ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))], 1)
        for name, share in (("p50", 50), ("p95", 95))
    }


def show(figures: Figures, aims: dict[str, str], *, as_json: bool) -> None:
    """Print the figures, each beside its aim."""
    if as_json:
        print(json.dumps(figures))
        return
    print(f"{'figure':28} {'p50':>10} {'p95':>10}   aim")
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{name:28} {value['p50']:>10} {value['p95']:>10}   {aims.get(name, '')}")
        else:
            print(f"{name:28} {value:>10} {'':>10}   {aims.get(name, '')}")
