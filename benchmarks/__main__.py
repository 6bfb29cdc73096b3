"""`python -m benchmarks`: trains each workload with every contestant by turns, and writes what came out.

All are made and warmed up first (compilers run then), and then take turns in one process, so that a machine that drifts
drifts for all. Medians over the turns are compared. Writes benchmarks/results/<machine>.json and .md.
"""

import argparse
import gc
import json
import os
import platform
import re
import statistics
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.contestants.keras_torch import Keras
from benchmarks.contestants.ours import Nnc
from benchmarks.contestants.products import Products
from benchmarks.contestants.pytorch import Compiled, CompiledStep, PyTorch, ReduceOverhead
from benchmarks.workloads import WORKLOADS, Workload

RESULTS = Path(__file__).resolve().parent / "results"
CONTESTANTS = {
    "nnc": Nnc,
    "PyTorch eager": PyTorch,
    "torch.compile": Compiled,
    "torch.compile, reduce-overhead": ReduceOverhead,
    "torch.compile, optimizer too": CompiledStep,
    "Keras on torch": Keras,
    "products alone": Products,
}
FLOOR = "products alone"  # no contestant: it trains nothing
PACKAGES = ("torch", "triton", "keras", "numpy")


def processor() -> str:
    """What the processor calls itself."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def measure(workload: Workload, turns: int, names: list[str]) -> dict[str, Any]:
    """Milliseconds a step of each contestant, turn by turn, and its loss in the end."""
    made = {}
    cold = {}
    for name in names:
        start = time.perf_counter()
        made[name] = CONTESTANTS[name](workload)
        made[name].fit(1)
        cold[name] = time.perf_counter() - start
        made[name].fit(workload.epochs)
    times: dict[str, list[float]] = {name: [] for name in names}
    losses: dict[str, float] = {}
    for turn in range(turns):
        for name in names if turn % 2 == 0 else names[::-1]:
            gc.collect()
            start = time.perf_counter()
            losses[name] = made[name].fit(workload.epochs)
            times[name].append(1000 * (time.perf_counter() - start) / (workload.epochs * workload.steps))
        print(f"  turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
    return {
        name: {
            "median_ms": statistics.median(times[name]),
            "best_ms": min(times[name]),
            "times_ms": times[name],
            "first_epoch_s": cold[name],
            "loss": losses[name],
        }
        for name in names
    }


def table(title: str, results: dict[str, Any]) -> list[str]:
    """A Markdown table, and the ratio of nnc to the fastest of the others."""
    head = "| | ms a step (median) | best | to nnc | first epoch, s | loss |"
    lines = [f"## {title}", "", head, "|---|--:|--:|--:|--:|--:|"]
    ours = results["nnc"]["median_ms"] if "nnc" in results else None
    for name, result in results.items():
        ratio = f"{result['median_ms'] / ours:.2f}" if ours else ""
        lines.append(
            f"| {name} | {result['median_ms']:.4f} | {result['best_ms']:.4f} | {ratio} | "
            f"{result['first_epoch_s']:.2f} | {result['loss']:.4f} |"
        )
    if ours:
        lines += ["", *verdicts(results, "median_ms", "median"), *verdicts(results, "best_ms", "best")]
    return [*lines, ""]


def verdicts(results: dict[str, Any], key: str, word: str) -> list[str]:
    """nnc, and the products alone, beside the fastest of the others."""
    others = {name: result[key] for name, result in results.items() if name not in ("nnc", FLOOR)}
    if not others:
        return []
    fastest = min(others, key=lambda name: others[name])
    line = f"By the {word}, nnc takes **{results['nnc'][key] / others[fastest]:.2f}** of the time of {fastest}, "
    line += "the fastest other"
    if FLOOR in results:
        line += f"; the products alone take {results[FLOOR][key] / others[fastest]:.2f} of it"
    return [f"{line}.", ""]


def report(record: dict[str, Any]) -> str:
    machine = record["machine"]
    listed = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    lines = [
        f"# Training on {machine['processor']}, {machine['cores']} cores, {machine['threads']} threads",
        "",
        f"`{record['command']}`: {record['turns']} turns each, by turns in one process, timed through `fit`. All weigh "
        "each sample, shuffle each epoch, and keep running loss and accuracy, not reading them back within an epoch. "
        "Subnormal numbers are zero to all of them. "
        "What compilers kept on the disk from earlier runs shortens the first epoch. "
        f"`{FLOOR}` are a step's matrix products and nothing else: no implementation on these products is faster.",
        "",
        f"Versions: {listed}.",
        "",
    ]
    for name, results in record["workloads"].items():
        lines += table(record["titles"][name], results)
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, help="of torch; its own choice unless given")
    parser.add_argument("--no-results", action="store_true", help="print only")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    # Before torch makes its threads, so that it holds in all of them. Without it peers take twice as long once the
    # gradients of units that relu holds at 0 have decayed; nnc sees to it by itself.
    torch.set_flush_denormal(True)
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    machine = {"processor": processor(), "cores": len(os.sched_getaffinity(0))}
    machine["threads"] = torch.get_num_threads()
    record: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "machine": machine,
        "versions": versions(),
        "turns": chosen.turns,
        "titles": {},
        "workloads": {},
    }
    for name in chosen.workloads:
        workload = WORKLOADS[name]()
        print(workload.title, file=sys.stderr, flush=True)
        record["titles"][name] = workload.title
        record["workloads"][name] = measure(workload, chosen.turns, chosen.contestants)
    text = report(record)
    print(text)
    if not chosen.no_results:
        stem = re.sub(r"\W+", "-", f"{machine['processor']} {machine['cores']} cores".lower()).strip("-")
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{stem}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        (RESULTS / f"{stem}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
