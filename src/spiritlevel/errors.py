"""Every error a user can meet, one tree.

SpiritlevelError            one sentence: what, which, what to do; the command line prints it and exits 1
├── ConfigError             a configuration, option or file that cannot be understood
├── ConstitutionError       a constitution with faults of form; lists every fault as file:line
├── DataError               rows or prompts that cannot be used, or none left
├── ModelError              a model that does not exist or cannot be loaded
│   ├── NeedsWeights        a hosted model where weights in hand are needed
│   └── TooSmall            memory too small for the model, said before loading
├── EndpointError           a hosted endpoint that failed past its bounded retries, or no key for it
├── EvidenceError           a run folder that is locked, from another version, or lacks a stage
│   ├── RunLocked           another process holds the run
│   └── MissingStage        a stage was asked for before what it reads exists
├── FirewallError           evidence used where it may not be
├── TooManyFailures         a stage in which too many samples were errored or unscored
└── MissingExtra            an optional dependency is not installed; carries the command that installs it

A failed *sample* is data (a row with its error), never one of these.
"""


class SpiritlevelError(Exception):
    """Base of all errors that are told to the user in one sentence."""


class ConfigError(SpiritlevelError):
    """A configuration, option or file that cannot be understood."""


class ConstitutionError(SpiritlevelError):
    """A constitution with faults of form; `faults` holds each as `file:line: what, and what to do`."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class DataError(SpiritlevelError):
    """Rows or prompts that cannot be used, or none left."""


class ModelError(SpiritlevelError):
    """A model that does not exist or cannot be loaded."""


class NeedsWeights(ModelError):
    """A hosted model where weights in hand are needed."""


class TooSmall(ModelError):
    """Memory too small for the model; said before loading."""


class EndpointError(SpiritlevelError):
    """A hosted endpoint that failed past its bounded retries, or no key for it."""


class EvidenceError(SpiritlevelError):
    """A run folder that cannot be read or written as it stands."""


class RunLocked(EvidenceError):
    """Another process holds the run."""


class MissingStage(EvidenceError):
    """A stage was asked for before what it reads exists."""


class FirewallError(SpiritlevelError):
    """Evidence used where it may not be."""


class TooManyFailures(SpiritlevelError):
    """A stage in which too many samples were errored or unscored."""


class MissingExtra(SpiritlevelError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package!r} is not installed; run: pip install 'spiritlevel[{extra}]'")
