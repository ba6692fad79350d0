"""Values to text and back, and the hashes that say whether a step must run again."""

import importlib
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from spiritlevel.errors import EvidenceError
from spiritlevel.types import ModelRef, content_hash

V = TypeVar("V", bound=BaseModel)

SHARED = ("types", "stats", "jsonl.py", "judges", "raters", "backends", "firewall", "lineage", "constitution")
"""Code that every stage rests on; files or folders of the package."""


def encode(value: BaseModel) -> str:
    """JSON of a value. NUL and lone surrogates are escaped (pydantic alone refuses the latter), so any TEXT column takes it."""
    try:
        return value.model_dump_json()
    except (PydanticSerializationError, UnicodeEncodeError):
        return json.dumps(_plain(value.model_dump()), separators=(",", ":"))


def decode(text: str, kind: type[V]) -> V:
    """Inverse of `encode`, with full validation. EvidenceError when the row does not fit the class any more."""
    return _validated(text, kind.model_validate_json, kind.model_validate, kind.__name__)


def decode_as(text: str, annotation: Any) -> Any:
    """`decode` against any type annotation (a stage's declared result)."""
    adapter = TypeAdapter(annotation)
    return _validated(text, adapter.validate_json, adapter.validate_python, str(annotation))


def _validated(text: str, fast: Callable[[str], V], slow: Callable[[Any], V], name: str) -> V:
    try:
        return fast(text)
    except ValidationError as fault:
        wrong = fault
    if "\\ud" in text.lower():
        # pydantic's parser refuses an escaped lone surrogate; the standard library's does not
        try:
            return slow(json.loads(text))
        except ValidationError as fault:
            wrong = fault
    first = wrong.errors()[0]
    raise EvidenceError(f"a stored {name!r} cannot be read ({first['msg']} at {first['loc']!r}); start again with --fresh") from wrong


def _plain(value: Any) -> Any:
    """Python data as JSON data, with NaN and infinities as the strings that pydantic reads back."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def class_path(kind: type) -> str:
    """`module:Qualified.Name`."""
    return f"{kind.__module__}:{kind.__qualname__}"


def load_class(path: str) -> type[BaseModel]:
    """The pydantic class of a `class_path`. EvidenceError when it is gone or is no value class."""
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as fault:
        raise EvidenceError(f"stored value of class {path!r} cannot be read by this version; start again with --fresh") from fault
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise EvidenceError(f"stored value names {path!r}, which is not a value class; the run folder is damaged")
    return found


def canonical(argument: object) -> str:
    """Content of a stage's argument as text. A ModelRef counts by its key alone, so where weights lie does not matter.

    Values, paths, strings, enums, numbers, None, and tuples, lists, dictionaries of these; anything else is a TypeError.
    """
    return json.dumps(_shape(argument), sort_keys=True, separators=(",", ":"))


def _shape(argument: object) -> Any:
    if isinstance(argument, ModelRef):
        return {"model": argument.key}
    if isinstance(argument, BaseModel):
        fields = {name: _shape(getattr(argument, name)) for name in type(argument).model_fields}
        return {"class": class_path(type(argument)), "fields": fields}
    if isinstance(argument, Enum):
        return [class_path(type(argument)), argument.value]
    if isinstance(argument, Path):
        return {"path": str(argument)}
    if isinstance(argument, float):
        return {"float": repr(argument)}
    if argument is None or isinstance(argument, str | int | bool):
        return argument
    if isinstance(argument, list | tuple):
        return [_shape(item) for item in argument]
    if isinstance(argument, set | frozenset):
        return {"set": sorted(canonical(item) for item in argument)}
    if isinstance(argument, Mapping):
        return {"map": sorted([canonical(key), canonical(item)] for key, item in argument.items())}
    raise TypeError(f"a stage's argument must be a value, not {type(argument).__name__!r}")


def code_hash(stage: Callable[..., object]) -> str:
    """Hash of the sources (and the prose) of the stage's package and of the shared layers; a lone module counts by its file."""
    package = Path(__file__).parents[1]
    source = Path(inspect.getsourcefile(inspect.unwrap(stage)) or __file__).resolve()
    own = source
    if source.is_relative_to(package) and source.parent != package:
        own = package / source.relative_to(package).parts[0]
    elif "." in stage.__module__ and stage.__module__ in sys.modules and (source.parent / "__init__.py").exists():
        own = source.parent
    return content_hash(*(_source(path) for path in (own, *(package / name for name in SHARED))))


def _source(path: Path) -> str:
    """Hash of one file, or of all files below a folder but the compiled ones."""
    files: Iterable[Path] = sorted(path.rglob("*")) if path.is_dir() else [path]
    kept = (f for f in files if f.is_file() and "__pycache__" not in f.parts and not f.name.startswith("."))
    return content_hash(*(part for f in kept for part in (f.relative_to(path.parent).as_posix(), f.read_bytes())))


def result_type(stage: Callable[..., object]) -> Any:
    """The stage's declared result; TypeError when it declares none."""
    hints = get_type_hints(stage)
    if "return" not in hints:
        raise TypeError(f"stage {stage.__qualname__!r} must declare what it returns")
    return hints["return"]
