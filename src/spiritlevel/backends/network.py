"""The switch that makes live calls impossible, and what counts as this machine."""

import ipaddress
import os
from urllib.parse import urlsplit

SWITCH = "SPIRITLEVEL_NO_NETWORK"


def forbidden() -> bool:
    """Whether the switch forbids calls that leave this machine."""
    return os.environ.get(SWITCH, "").lower() in {"1", "true", "yes", "on"}


def loopback(url: str) -> bool:
    """Whether a URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
