"""What benchmarks that hold us beside another tool share: the bundled weights' folder, a median with its range, peak memory."""

import resource
import statistics


def bundled_folder():
    """Where the bundled model's weights lie."""
    from spiritlevel.backends import bundled
    from spiritlevel.backends.spec import Spec

    return str(bundled.locate(Spec("bundled", ""), None).folder)


def spread(values):
    """Median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def peak_memory():
    """Gigabytes that this process has come to (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
