"""Where models come from. A spec is resolved once to content (`resolve`), opened where it is used, and asked through a journal.

`bundled`, `hf:NAME@REVISION`, `path:DIR`, `blob:HASH`, `tiny:ARCH`, `scripted:NAME`, `openai/NAME`, `anthropic/NAME`,
`inspect/PROVIDER/NAME`, `http://HOST/v1#NAME`.
Each scheme is an entry point in `spiritlevel.backends` naming a module with `resolve(spec, dtype)` and
`open_ref(ref, journal)`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from spiritlevel import plugins
from spiritlevel.backends.spec import Spec
from spiritlevel.errors import ConfigError, NeedsWeights, TooManyFailures
from spiritlevel.types import Ask, Journal, Lineage, Model, ModelRef, OpenWeights, Reply, RowSet, Steer, content_hash

MOST_FAILED = 0.2
"""Share of calls that may fail, and be rows with their error, before the whole of them has failed."""


def resolve(spec: str, *, dtype: str = "auto") -> ModelRef:
    """A spec pinned to content. Errors: ConfigError (unknown scheme), ModelError (no such model), EndpointError (no key)."""
    return cast(ModelRef, _backend(spec).resolve(spec, dtype))


def open_model(ref: ModelRef, journal: Journal) -> Model:
    """The model behind a reference."""
    return cast(Model, _backend(ref.spec).open_ref(ref, journal))


def open_weights(ref: ModelRef, journal: Journal) -> OpenWeights:
    """The model behind a reference, with its weights in hand; NeedsWeights for hosted and scripted ones."""
    check_weights(ref)
    return cast(OpenWeights, open_model(ref, journal))


def parts(ref: ModelRef, journal: Journal) -> tuple[Path, Path | None]:
    """Folders of a local model's weights and, where it has one, of its adapter."""
    check_weights(ref)
    folder, adapter = _backend(ref.spec).locate(Spec.parse(ref.spec), journal)
    return folder, adapter


def check_weights(ref: ModelRef, what: str = "training and looking inside need") -> None:
    """NeedsWeights unless the reference is to weights in hand; `what` needs them."""
    if ref.kind != "local":
        raise NeedsWeights(f"{ref.spec!r} is {ref.kind}: {what} weights; use bundled, hf:NAME or path:DIR.")


def steered(model: Model, how: Steer, journal: Journal) -> Model:
    """The model with its residual stream changed while it answers: an instrument of its own, told apart by `numerics`.

    NeedsWeights without weights; ConfigError when the direction is of another shape than the model.
    """
    check_weights(model.ref, "steering needs")
    from spiritlevel.backends import _steer

    return _steer.Steered(model, how, journal.path(how.blob) / _steer.FILE)  # type: ignore[arg-type]


def keep(journal: Journal, weights: OpenWeights, lineage: Lineage, family: str) -> ModelRef:
    """The weights in hand as a blob in bfloat16 with their lineage.json, entered into the ledger."""
    from spiritlevel.backends import _checkpoint

    def write(folder: Path) -> Lineage:
        _checkpoint.save(weights.module, weights.tokenizer, folder, "bfloat16")  # type: ignore[attr-defined]
        return lineage

    return keep_written(journal, write, family)


def keep_written(journal: Journal, write: Callable[[Path], Lineage], family: str) -> ModelRef:
    """A folder of weights, which `write` fills and tells the lineage of, as a blob with its lineage.json, entered into the ledger."""
    from spiritlevel import lineage as lineages

    made: list[Lineage] = []

    def save(folder: Path) -> None:
        made.append(write(folder))
        lineages.write(folder, made[0])

    blob = journal.blob(save)
    journal.record(made[0])
    return ModelRef(spec=f"blob:{blob}", kind="local", weights=made[0].weights, family=family)


def identify(ref: ModelRef, journal: Journal, *, base: bool) -> Lineage:
    """What is known of where a model comes from. `base`: a person names it as the base, before which nothing can be known.

    Weights that the project never met are compared with all that it made: a merged or re-saved copy descends from what it is near to.
    """
    if ref.kind != "local":
        return Lineage(
            weights=ref.key,
            body=ref.key,
            families=(ref.family,),
            history="base" if base else "unknown",
            note="hosted: nothing can be known",
        )
    known = journal.lineage(ref.weights)
    if known is not None:
        return known
    from spiritlevel import lineage

    module = open_weights(ref, journal).module  # type: ignore[attr-defined]
    beside = next(
        (found for folder in _backend(ref.spec).locate(Spec.parse(ref.spec), journal) if folder and (found := lineage.read(folder))), None
    )
    return journal.identify(ref.weights, sketch=lineage.sketch(module.state_dict()), beside=beside, family=ref.family, base=base)


def release_memory() -> None:
    """Give back to the system what training or generation let go of; without glibc, collect garbage alone."""
    import contextlib
    import ctypes
    import gc

    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def seed(salt: str, ask: Ask) -> int:
    """A unit's own seed (63 bits), from the model's key and numerics and the ask's content."""
    return int(content_hash(salt, ask)[:16], 16) >> 1


def ask(journal: Journal, model: Model, asks: Sequence[Ask], label: str = "", *, few: int = 0) -> RowSet:
    """`Reply` rows aligned with `asks`; units that have a row are not asked again.

    TooManyFailures when more than MOST_FAILED of them, and more than `few`, failed; failed calls then leave no row, so that a later
    run asks them again.
    """
    salt = model.ref.key + model.numerics

    def work(units: Sequence[Ask]) -> Iterable[tuple[int, Reply]]:
        answers = model.stream(units, [seed(salt, unit) for unit in units])
        return answers if model.batch is not None else _failures_last(answers, model.ref, len(asks), few)

    return journal.map("reply", asks, work, Reply, batch=model.batch, salt=salt, label=label)


def _failures_last(answers: Iterable[tuple[int, Reply]], ref: ModelRef, total: int, few: int) -> Iterator[tuple[int, Reply]]:
    failed = []
    for place, reply in answers:
        if reply.error is None:
            yield place, reply
        else:
            failed.append((place, reply))
    if len(failed) > max(few, MOST_FAILED * total):
        raise TooManyFailures(
            f"{len(failed)} of {total} calls to {ref.spec!r} failed (last: {failed[-1][1].error}); "
            "mend the endpoint and run again: what came back is kept"
        )
    yield from failed


def _backend(spec: str) -> Any:
    if not spec.strip():
        raise ConfigError("A model has an empty name; use bundled, hf:NAME, path:DIR, openai/NAME, anthropic/NAME or an http URL.")
    head = spec.partition("?")[0]
    ends = [head.find(sign) for sign in ":/@" if sign in head]
    module = plugins.load("spiritlevel.backends", head[: min(ends)] if ends else head)
    if not isinstance(module, ModuleType) and not hasattr(module, "open_ref"):
        raise ConfigError(f"The backend for {spec!r} offers no resolve and open_ref; name a module that has both.")
    return module
