"""Functions that the runtime calls between steps, as torch text: how parameters and states start.

In: a small tensor program, and what its parameters are called. Out: an expression, or statements where a value is read
more than once. Everything is float64; a batched value has its samples along axis 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from nnc.base.names import Names
from nnc.emit.expression import fill
from nnc.emit.host_views import atom, literal, view
from nnc.tensor.ir import Function, Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.primitives.views import integers
from nnc.tensor.types import Shape, TensorType, broadcast_shapes

_INFIX = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "and": "{0} & {1}",
    "or": "{0} | {1}",
    "not": "~{0}",
    "sign": "torch.sign({0})",
}
_DRAWS = {
    "uniform": ("shape", "low", "high"),
    "normal": ("shape", "mean", "stddev"),
    "bernoulli": ("shape", "p"),
    "gamma": ("shape", "alpha", "beta"),
}
_REDUCTIONS = {"max": "amax", "min": "amin", "variance": "var"}  # torch's names, where they are others
_POSITIONS = ("argmax", "argmin")
_PARTS = {"qr": ("q", "r")}  # what the results of an op are called that has several
_LONGEST = 100  # characters of an expression within statements
_SHORT = 30  # characters of an operand that no name would shorten
_WORDS = {"add": "total", "sub": "difference", "mul": "product", "div": "quotient", "where": "chosen"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A value's text with the shape that the text has, which is smaller than the value's where it broadcasts.

    raw: a column of the data as it came, in its own element type.
    """

    text: str
    shape: Shape = ()
    batched: bool = False
    raw: bool = False

    @property
    def is_number(self) -> bool:
        try:
            float(self.text)
        except ValueError:
            return False
        return True


@dataclass(slots=True)
class Host:
    """Writes one function. `samples`: how many samples there are, as text."""

    function: Function
    known: dict[Value, Piece]
    names: Names
    samples: str = ""
    lines: list[str] = field(default_factory=list)
    uses: Counter[Value] = field(default_factory=Counter)

    @property
    def repeats(self) -> bool:
        """Whether one expression would compute a value twice, or draw out of order."""
        self._count()
        draws = [op for op in self.function.ops if TABLE[op.primitive].kind is Kind.RANDOM]
        shared = (
            max(map(self.uses.__getitem__, op.results)) > 1 and not self._is_plain(op) for op in self.function.ops
        )
        return len(draws) > 1 or any(len(op.results) > 1 for op in self.function.ops) or any(shared)

    def expression(self) -> str:
        """The result as one expression."""
        self._count()
        for op in self.function.ops:
            self.known[op.result] = self._piece(op)
        (result,) = self.function.results
        return self.known[result].text

    def statements(self) -> list[str]:
        """The body of the function, its last line the `return`."""
        self._count()
        for op in self.function.ops:
            if len(op.results) > 1:
                self._several(op)
                continue
            self.known[op.result] = self._piece(op)
            while len(self.known[op.result].text) > _LONGEST and self._name_longest(op):
                self.known[op.result] = self._piece(op)
            if (self.uses[op.result] > 1 and not self._is_plain(op)) or TABLE[op.primitive].kind is Kind.RANDOM:
                self._name(op.result)
        (result,) = self.function.results
        return [*self.lines, f"return {self.known[result].text}"]

    def _name(self, value: Value) -> None:
        """A statement that gives a value a name."""
        piece = self.known[value]
        name = self.names.fresh(_WORDS.get(value.hint, value.hint))
        self.lines.append(f"{name} = {piece.text}")
        self.known[value] = Piece(name, piece.shape, piece.batched)

    def _name_longest(self, op: Op) -> bool:
        """Names the operand with the longest text, so that the op's own becomes shorter; False where all are short."""
        longest = max(op.args, key=lambda arg: len(self.known[arg].text), default=None)
        if longest is None or self.known[longest].raw or len(self.known[longest].text) <= _SHORT:
            return False
        self._name(longest)
        return True

    def _count(self) -> None:
        self.uses = Counter(arg for op in self.function.ops for arg in op.args)
        self.uses.update(self.function.results)

    def _is_plain(self, op: Op) -> bool:
        """Whether it is written as often as it is read: numbers, and how many entries there are."""
        if op.primitive == "mul":
            producers = self.function.producers()
            return all(arg in producers and TABLE[producers[arg].primitive].kind is Kind.SOURCE for arg in op.args)
        return TABLE[op.primitive].kind is Kind.SOURCE or op.primitive == "broadcast"

    def _several(self, op: Op) -> None:
        names = [self.names.fresh(wish) for wish in _PARTS[op.primitive]]
        args = [self._whole(arg).text for arg in op.args]
        self.lines.append(f"{', '.join(names)} = {fill(TABLE[op.primitive].torch, *args)}")
        for value, name in zip(op.results, names, strict=True):
            self.known[value] = Piece(name, value.type.shape, value.type.batched)

    # ----------------------------------------------------------------------------------------------------- operands

    def _double(self, value: Value) -> Piece:
        """A value to compute with: a column of float data becomes float64 here."""
        piece = self.known[value]
        if piece.raw and value.type.is_float:
            return Piece(f"{piece.text}.double()", piece.shape, piece.batched)
        return piece

    def _whole(self, value: Value) -> Piece:
        """A value whose text has its whole shape."""
        piece, type = self._double(value), value.type
        if (piece.shape, piece.batched) == (type.shape, type.batched) and not piece.is_number:
            return piece
        sizes = ", ".join([*([self.samples] if type.batched else []), *map(str, type.shape)])
        element = "torch.float64" if type.is_float else "torch.bool" if type.element == "bool" else "torch.int64"
        text = f"torch.tensor({piece.text}, dtype={element})" if piece.is_number else self._lifted(piece, type.rank)
        return Piece(f"{text}.expand({sizes})" if sizes else text, type.shape, type.batched)

    @staticmethod
    def _lifted(piece: Piece, rank: int) -> str:
        """A batched piece with axes of size 1 behind the samples, up to `rank`."""
        missing = rank - len(piece.shape)
        return f"{atom(piece.text)}[:{', None' * missing}]" if piece.batched and missing else piece.text

    # --------------------------------------------------------------------------------------------------- operations

    def _piece(self, op: Op) -> Piece:
        type = op.result.type
        match TABLE[op.primitive].kind:
            case Kind.SOURCE:
                return Piece(self.samples if op.primitive == "batch_size" else literal(op["value"]))
            case Kind.RANDOM:
                text = f"random.{op.primitive}({', '.join(literal(op[name]) for name in _DRAWS[op.primitive])})"
            case Kind.POINTWISE:
                return self._pointwise(op)
            case Kind.REDUCTION:
                text = self._reduction(op)
            case Kind.VIEW if op.primitive == "broadcast":
                return self._double(op.args[0])
            case Kind.VIEW:
                text = view(op, [self._whole(arg).text for arg in op.args])
            case _:
                named = {"axis": "-1", **{name: literal(value) for name, value in op.attributes}}
                text = fill(TABLE[op.primitive].torch, *(self._whole(arg).text for arg in op.args), **named)
                text += ".double()" if op.primitive == "one_hot" else ""
        return Piece(text, type.shape, type.batched)

    def _pointwise(self, op: Op) -> Piece:
        if op.primitive == "convert":
            return self._converted(op)
        mean = self._mean(op)
        if mean is not None:
            return Piece(mean, op.result.type.shape, op.result.type.batched)
        pieces = [self._double(arg) for arg in op.args]
        rank = max((len(piece.shape) for piece in pieces), default=0)
        texts = [self._lifted(piece, rank) for piece in pieces]
        if op.primitive in _INFIX:
            text = fill(_INFIX[op.primitive], *texts)
        elif op.primitive == "pow" and not all(piece.is_number for piece in pieces):
            text = fill("{0} ** {1}", *texts)
        else:
            bound = _bound(op, pieces)
            if bound is not None:
                return bound
            if op.primitive != "where" or pieces[0].is_number:
                texts = [f"torch.as_tensor({t})" if p.is_number else t for t, p in zip(texts, pieces, strict=True)]
            named = {name: literal(value) for name, value in op.attributes}
            text = fill(TABLE[op.primitive].torch, *texts, **named)
        shape = broadcast_shapes(*(piece.shape for piece in pieces))
        return Piece(text, shape, any(piece.batched for piece in pieces))

    def _converted(self, op: Op) -> Piece:
        piece, type = self.known[op.args[0]], op.result.type
        method = "double" if type.is_float else "bool" if type.element == "bool" else "long"
        if piece.is_number:
            return Piece(literal({"double": float, "bool": bool, "long": int}[method](float(piece.text))))
        if piece.raw and not op.args[0].type.is_float and type.is_float:
            return piece if self._feeds_sums(op.result) else Piece(f"{piece.text}.double()", piece.shape, piece.batched)
        return Piece(f"{atom(self._double(op.args[0]).text)}.{method}()", piece.shape, piece.batched)

    def _feeds_sums(self, value: Value) -> bool:
        """Whether only sums read it, which convert as they add and need no copy of the data."""
        users = [op for op in self.function.ops if value in op.args]
        return all(op.primitive == "sum" for op in users) and value not in self.function.results

    def _reduction(self, op: Op, name: str = "") -> str:
        (x,) = op.args
        batched = x.type.batched
        axes = [0] * bool(op["batch"]) + [axis + batched for axis in integers(op, "axes")]
        if op.primitive == "sum":  # it adds in float64, without a copy
            piece = self.known[x] if self.known[x].raw else self._whole(x)
        else:
            piece = self._whole(x)
        options = ["keepdim=True"] if op["keepdims"] and not op["batch"] else []
        options += ["correction=0"] if op.primitive == "variance" else []
        if piece.raw:
            options.append("dtype=torch.float64")
        method = name or _REDUCTIONS.get(op.primitive, op.primitive)
        single = method in ("prod", *_POSITIONS)
        text = atom(piece.text)
        for group in [[axis] for axis in reversed(axes)] if single else [axes]:
            place = str(group[0]) if len(group) == 1 else f"({', '.join(map(str, group))})"
            text += f".{method}({', '.join([place, *options])})"
        if op["keepdims"] and op["batch"]:
            text += f".reshape({op.result.type.shape})"
        return text

    def _mean(self, op: Op) -> str | None:
        """`mean(x)` of a sum over a count: the sum of what it is over as many as there are."""
        if op.primitive != "div":
            return None
        producers = self.function.producers()
        total = producers.get(op.args[0])
        if total is None or total.primitive != "sum" or self.uses[op.args[0]] > 1:
            return None
        (x,) = total.args
        count = 1
        for axis in integers(total, "axes"):
            count *= x.type.shape[axis]
        wanted = self._count_text(count, bool(total["batch"]))
        if self.known[op.args[1]].text not in wanted:
            return None
        return self._reduction(total, "mean")

    def _count_text(self, count: int, batch: bool) -> tuple[str, ...]:
        if not batch:
            return (str(count), str(float(count)))
        if count == 1:
            return (self.samples,)
        return tuple(f"{a} * {b}" for n in (count, float(count)) for a, b in ((self.samples, n), (n, self.samples)))


def _bound(op: Op, pieces: list[Piece]) -> Piece | None:
    """`x.clamp(min=0.0)`, where one operand of maximum or minimum is a number."""
    side = {"maximum": "min", "minimum": "max"}.get(op.primitive)
    for x, limit in (pieces, pieces[::-1]) if side is not None else ():
        if limit.is_number and not x.is_number:
            return Piece(f"{atom(x.text)}.clamp({side}={limit.text})", x.shape, x.batched)
    return None


def parameter_pieces(function: Function, texts: Mapping[Value, str]) -> dict[Value, Piece]:
    """The parameters of a function, which are called `texts`."""
    return {value: _given(value.type, texts[value]) for value in function.parameters}


def _given(type: TensorType, text: str) -> Piece:
    return Piece(text, type.shape, type.batched, raw=type.batched)
