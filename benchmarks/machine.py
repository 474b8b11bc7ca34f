"""Which machine a figure was taken on, and how a benchmark's last line is written."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import psutil


def describe() -> str:
    """The processor's name, then `2 cores, 24 GiB, Linux x86_64, Python 3.11.7`."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def processor() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def finish(name: str, figures: dict[str, Any], holds: bool) -> int:
    """Prints the last line and gives the exit status: 0 where the figures hold."""
    print(json.dumps({"benchmark": name, "machine": describe(), **figures, "holds": holds}))
    return 0 if holds else 1
