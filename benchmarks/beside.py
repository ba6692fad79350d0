"""What benchmarks that hold us beside another tool share: the bundled weights' folder, a median with its range, peak memory."""

import statistics
from pathlib import Path


def bundled_folder():
    """Where the bundled model's weights lie."""
    from spiritlevel.backends import bundled
    from spiritlevel.backends.spec import Spec

    return str(bundled.locate(Spec("bundled", ""), None).folder)


def spread(values):
    """Median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def peak_memory():
    """Gigabytes that this process has come to. Not ru_maxrss: on Linux a child starts with its parent's."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e9
