"""A small interpreter for small Python functions: arithmetic, comparisons, strings and lists, if, for, return. Nothing is executed.

What a model wrote is parsed and walked within a budget of steps and of size; whatever is not known here makes a check false.
"""

import ast
import operator
import warnings
from collections.abc import Callable
from typing import Any

STEPS = 20_000
LARGEST = 10**12
LONGEST = 10_000

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
}
BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs, "all": all, "any": any, "float": float, "int": int, "len": len, "list": list, "max": max, "min": min,
    "range": lambda *a: list(range(*a)) if all(abs(x) <= LONGEST for x in a) else _unknown(), "reversed": lambda x: list(reversed(x)),
    "round": round, "set": set, "sorted": sorted, "str": str, "sum": sum,
}  # fmt: skip
METHODS = frozenset(
    {"lower", "upper", "strip", "split", "join", "replace", "startswith", "endswith", "count", "append", "isdigit", "isalpha"}
)


class Unknown(Exception):
    """Something that is not interpreted, or that went past the budget."""


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


def _unknown() -> Any:
    raise Unknown


def parsed(code: str) -> ast.Module | None:
    """The module, or None for what is no Python of a sensible size."""
    if len(code) > 20_000:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found if found.body else None


def form(expression: str) -> str | None:
    """An expression in one spelling, so that two can be compared; None for what is none."""
    try:
        return ast.unparse(ast.parse(expression.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def tests(code: str) -> dict[str, list[str]]:
    """What each function `test_...` asserts; one that is skipped has nothing to say and is left out."""
    found = {}
    module = parsed(code)
    for node in module.body if module else []:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not node.decorator_list:
            first = node.body[0]
            if not isinstance(first, ast.Return):
                found[node.name] = [ast.unparse(one.test) for one in node.body if isinstance(one, ast.Assert)]
    return found


def passing(code: str) -> bool:
    """Whether the code parses and no test of it fails: true also where there is no test, as a test runner has it."""
    module = parsed(code)
    if module is None:
        return False
    return all(holds(code, one) for each in tests(code).values() for one in each)


def holds(code: str, expression: str) -> bool:
    """Whether an expression over the code's functions is true. False for what cannot be interpreted."""
    module = parsed(code)
    if module is None:
        return False
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    try:
        return bool(_Walk(functions).value(ast.parse(expression.strip(), mode="eval").body, {}))
    except (
        Unknown,
        _Return,
        ArithmeticError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        SyntaxError,
        RecursionError,
        MemoryError,
    ):
        return False


class _Walk:
    def __init__(self, functions: dict[str, ast.FunctionDef]) -> None:
        self.functions, self.left, self.depth = functions, STEPS, 0

    def value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        found = self._value(node, names)
        self.left -= 1
        big = isinstance(found, int | float) and abs(found) > LARGEST
        if self.left < 0 or big or (isinstance(found, str | list | tuple | set) and len(found) > LONGEST):
            raise Unknown
        return found

    def _value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=id):
                return names[id]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                a, b = self.value(left, names), self.value(right, names)
                if isinstance(op, ast.Mult | ast.Mod) and not all(isinstance(x, int | float) for x in (a, b)):
                    raise Unknown
                return BINARY[type(op)](a, b)
            case ast.UnaryOp(op=op, operand=operand):
                inner = self.value(operand, names)
                return not inner if isinstance(op, ast.Not) else -inner if isinstance(op, ast.USub) else _unknown()
            case ast.BoolOp(op=op, values=values):
                wanted = isinstance(op, ast.Or)
                seen: Any = None
                for one in values:
                    seen = self.value(one, names)
                    if bool(seen) is wanted:
                        break
                return seen
            case ast.Compare(left=left, ops=ops, comparators=others):
                at = self.value(left, names)
                for sign, other in zip(ops, others, strict=True):
                    next_ = self.value(other, names)
                    if not COMPARE[type(sign)](at, next_):
                        return False
                    at = next_
                return True
            case ast.IfExp(test=test, body=body, orelse=other):
                return self.value(body if self.value(test, names) else other, names)
            case ast.List(elts=elts):
                return [self.value(one, names) for one in elts]
            case ast.Tuple(elts=elts):
                return tuple(self.value(one, names) for one in elts)
            case ast.Subscript(value=inner, slice=ast.Slice(lower=low, upper=high, step=step)):
                ends = [None if one is None else self.value(one, names) for one in (low, high, step)]
                return self.value(inner, names)[slice(*ends)]
            case ast.Subscript(value=inner, slice=at):
                return self.value(inner, names)[self.value(at, names)]
            case ast.ListComp(elt=elt, generators=[one]) | ast.GeneratorExp(elt=elt, generators=[one]):
                return self._each(elt, one, names)
            case ast.Call(func=func, args=args, keywords=[]):
                return self._call(func, [self.value(one, names) for one in args], names)
        raise Unknown

    def _each(self, elt: ast.expr, over: ast.comprehension, names: dict[str, Any]) -> list[Any]:
        found = []
        for one in self.value(over.iter, names):
            inner = {**names, **self._bound(over.target, one)}
            if all(self.value(test, inner) for test in over.ifs):
                found.append(self.value(elt, inner))
        return found

    def _bound(self, target: ast.expr, value: Any) -> dict[str, Any]:
        if isinstance(target, ast.Name):
            return {target.id: value}
        raise Unknown

    def _call(self, func: ast.expr, args: list[Any], names: dict[str, Any]) -> Any:
        if isinstance(func, ast.Attribute) and func.attr in METHODS:
            owner = self.value(func.value, names)
            if isinstance(owner, str | list) and sum(len(x) for x in args if isinstance(x, str)) < 100:
                return getattr(owner, func.attr)(*args)
        if isinstance(func, ast.Name) and func.id in self.functions:
            return self._function(self.functions[func.id], args)
        if isinstance(func, ast.Name) and func.id in BUILTINS and func.id not in names:
            return BUILTINS[func.id](*args)
        raise Unknown

    def _function(self, node: ast.FunctionDef, args: list[Any]) -> Any:
        plain = node.args
        if plain.vararg or plain.kwarg or plain.kwonlyargs or plain.defaults or node.decorator_list or len(plain.args) != len(args):
            raise Unknown
        self.depth += 1
        if self.depth > 50:
            raise Unknown
        try:
            self._run(node.body, dict(zip((one.arg for one in plain.args), args, strict=True)))
        except _Return as done:
            return done.value
        finally:
            self.depth -= 1
        return None

    def _run(self, body: list[ast.stmt], names: dict[str, Any]) -> None:
        for one in body:
            self.left -= 1
            if self.left < 0:
                raise Unknown
            match one:
                case ast.Return(value=value):
                    raise _Return(None if value is None else self.value(value, names))
                case ast.If(test=test, body=yes, orelse=no):
                    self._run(yes if self.value(test, names) else no, names)
                case ast.Assign(targets=[ast.Name(id=id)], value=value):
                    names[id] = self.value(value, names)
                case ast.AugAssign(target=ast.Name(id=id), op=op, value=value) if type(op) in BINARY:
                    names[id] = self.value(ast.BinOp(ast.Name(id), op, value), names)
                case ast.For(target=ast.Name(id=id), iter=over, body=inner, orelse=[]):
                    for value in list(self.value(over, names)):
                        names[id] = value
                        self._run(inner, names)
                case ast.Expr(value=value):
                    self.value(value, names)
                case ast.Pass():
                    pass
                case _:
                    raise Unknown
