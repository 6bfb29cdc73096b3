"""Ops to torch calls that write into memory given to them.

In: a kernel's ops (idioms recognised), where its operands lie, where its results are wanted. Out: statements over
storage, some of it scratch without a place. Sizes and strides are symbolic in the batch; a view costs no statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from nnc.emit.expression import fill, number
from nnc.emit.torch_scratch import Statement
from nnc.emit.torch_tensor import (
    Extents,
    Host,
    Operand,
    Storage,
    Strided,
    aligned,
    contiguous_strides,
    expanded,
    extents,
    is_column_major,
    permuted,
    reshaped,
    transposed,
    viewed,
    whole,
)
from nnc.tensor.ir import Op, Value
from nnc.tensor.primitives import TABLE, Kind
from nnc.tensor.types import TensorType

COPY = "{out}.copy_({0})"

Handler: TypeAlias = Callable[["Calls", Op], None]


@dataclass(slots=True)
class Calls:
    """The statements of one function as they come to be.

    where: what each value is so far. homes: where a value is wanted, for those that leave the function.
    column_major: what lies column by column unless its home says otherwise.
    """

    where: dict[Value, Operand]
    homes: dict[Value, Strided] = field(default_factory=dict)
    precision: str = "f32"
    column_major: frozenset[Value] = frozenset()
    statements: list[Statement] = field(default_factory=list)
    _converted: dict[tuple[Storage, str], Strided] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------------- memory

    def scratch(self, element: str, shape: Extents, hint: str) -> Strided:
        return whole(Storage(element, shape, hint))

    def result(self, value: Value, element: str | None = None) -> Strided:
        """Where `value` is to be written: its home, or scratch. From now on it is there."""
        wanted = element or value.type.element
        home = self.homes.get(value)
        if home is None or home.storage.element != wanted:
            home = self._scratch_of(value, wanted)
        self.where[value] = home
        return home

    def result_in_columns(self, value: Value) -> Strided:
        """The same for what is best made column by column, and copied where it is wanted otherwise."""
        home = self.homes.get(value)
        if value not in self.column_major or (home is not None and is_column_major(home)):
            return self.result(value)
        self.where[value] = made = self._scratch_of(value, value.type.element)
        return made

    def _scratch_of(self, value: Value, element: str) -> Strided:
        shape = extents(value.type)
        if value in self.column_major:
            hint = f"{value.hint}_columns" if value in self.homes else value.hint
            return transposed(self.scratch(element, shape[::-1], hint))
        return self.scratch(element, shape, value.hint)

    def emit(
        self,
        form: str,
        operands: Sequence[Operand],
        out: Strided,
        shares: Sequence[int] = (),
        methods: Sequence[tuple[int, str]] = (),
    ) -> None:
        self.statements.append(Statement(form, tuple(operands), out, frozenset(shares), tuple(methods)))

    def copy(self, source: Operand, out: Strided) -> None:
        """`source`, repeated as needed and converted, into `out`."""
        match source:
            case Host():
                self.fill(source, out)
            case Strided():
                if source != out:
                    same = (source.shape, source.storage.element) == (out.shape, out.storage.element)
                    self.emit(COPY, (source,), out, [0] if same else [])

    def fill(self, source: Host, out: Strided) -> None:
        self.emit("{out}.zero_()" if source.number == 0 else "{out}.fill_({0})", (source,), out)

    # -------------------------------------------------------------------------------------------- operands

    def operand(self, value: Value) -> Operand:
        return self.where[value]

    def exact(self, value: Value) -> Strided:
        """Memory that holds `value` in its own element type: what torch counts itself it leaves in i64."""
        return self.converted(self.tensor(value), value.type.element)

    def tensor(self, value: Value) -> Strided:
        """Memory that holds `value`, reals in the element type that they compute in."""
        found = self.where[value]
        if isinstance(found, Host):
            made = self.scratch(value.type.element, (), value.hint)
            self.fill(found, made)
            return made
        computed = value.type.element
        if value.type.is_float and found.storage.element != computed:
            found = self.converted(found, computed)
        return found

    def converted(self, x: Strided, element: str) -> Strided:
        """`x` in another element type, made once a function; the whole storage, so that views of it are views."""
        if x.storage.element == element:
            return x
        key = (x.storage, element)
        if key not in self._converted:
            made = self.scratch(element, x.storage.shape, f"{x.storage.local}_{element}")
            self.emit("{out}.copy_({0})", (whole(x.storage),), made)
            self._converted[key] = made
        return replace(x, storage=self._converted[key].storage)

    def operands(self, op: Op) -> list[Operand]:
        """Operands of a pointwise op, with the axes that broadcasting needs, and of its own integers where it gives
        any: few of torch's calls convert them."""
        rank = op.result.type.rank
        found = [self.pointwise_operand(arg, rank) for arg in op.args]
        if not op.result.type.is_integer or op.primitive == "convert":
            return found
        own = op.result.type.element
        return [
            self.converted(x, own) if isinstance(x, Strided) and arg.type.is_integer else x
            for x, arg in zip(found, op.args, strict=True)
        ]

    def pointwise_operand(self, value: Value, rank: int) -> Operand:
        if isinstance(self.where[value], Host):
            return self.where[value]
        return aligned(self.tensor(value), value.type.batched, rank)

    def spread(self, value: Value, type: TensorType) -> Strided:
        """`value` repeated to `type`, without copying."""
        x = aligned(self.tensor(value), value.type.batched, type.rank)
        return expanded(x, extents(type))

    def index(self, value: Value) -> Strided:
        """An index, in the type that torch takes for one."""
        found = self.tensor(value)
        return found if found.storage.element == "i64" else self.converted(found, "i64")

    def packed(self, x: Strided, hint: str) -> Strided:
        """`x` in row-major order."""
        if x.is_contiguous:
            return x
        made = self.scratch(x.storage.element, x.shape, hint)
        self.copy(x, made)
        return made

    # ------------------------------------------------------------------------------------------------- ops

    def lower(self, ops: Sequence[Op], handlers: Mapping[str, Handler], default: Handler) -> None:
        """Appends the statements of `ops`. A value that is there already is not computed again."""
        self.settle_homes(ops)
        for op in ops:
            handlers.get(op.primitive, default)(self, op)
            for value in op.results:
                self.bring_home(value)

    def bring_home(self, value: Value) -> None:
        home, found = self.homes.get(value), self.where[value]
        if home is not None and home != found:
            if isinstance(found, Strided) and found.shape != home.shape:
                found = expanded(aligned(found, value.type.batched, value.type.rank), home.shape)
            self.copy(found, home)
            self.where[value] = home if home.storage.element == value.type.element else found

    def settle_homes(self, ops: Sequence[Op]) -> None:
        """Where a wanted value only shows another one's elements in another order, that one goes home in its stead."""
        computed = {value for op in ops for value in op.results}
        uses = Counter(arg for op in ops for arg in op.args)
        for op in reversed(ops):
            self._stay(op, computed, uses)
            if op.primitive not in ("reshape", "transpose", "stop_gradient"):
                continue
            (x,) = op.args
            home = self.homes.get(op.result)
            if home is None or x in self.homes or x not in computed:
                continue
            inner = _seen_from(op, home)
            if inner is not None:
                self.homes[x] = inner

    def _stay(self, op: Op, computed: set[Value], uses: Counter[Value]) -> None:
        """An operand of a pointwise op that is wanted in a part of scratch is computed there; the op works in place."""
        home = self.homes.get(op.results[0])
        if home is None or home.storage.place or op.primitive not in TABLE:
            return
        for x in op.args:
            alone = uses[x] == 1 and x in computed and x not in self.homes
            if alone and x.type == op.result.type and TABLE[op.primitive].kind is Kind.POINTWISE:
                self.homes[x] = home
                return


def _seen_from(op: Op, home: Strided) -> Strided | None:
    """The view of `home`, where the result of `op` lies, in which its operand lies."""
    type = op.args[0].type
    if op.primitive == "transpose":
        permutation = op["permutation"]
        assert isinstance(permutation, tuple)
        shift = int(type.batched)
        order = [permutation.index(axis) + shift for axis in range(type.rank)]
        return permuted(home, [*range(shift), *order])
    return reshaped(home, extents(type))


def integers(op: Op, name: str) -> tuple[int, ...]:
    value = op[name]
    assert isinstance(value, tuple)
    return tuple(item for item in value if isinstance(item, int))


def attribute_texts(op: Op) -> dict[str, str]:
    """The attributes of an op that are numbers, as text."""
    return {name: number(value) for name, value in op.attributes if isinstance(value, bool | int | float)}


def negated(host: Host) -> Host:
    if host.number is not None and not isinstance(host.number, bool):
        return Host(number(-host.number), -host.number)
    return Host(fill("-{0}", host.text))


def host_product(hosts: Sequence[Host], sign: int = 1) -> Host:
    """The product of numbers, computed by Python."""
    text, known = "", 1.0
    for host in hosts:
        if host.number is not None:
            known *= host.number
        else:
            text = fill("{0} * {1}", text, host.text) if text else host.text
    known *= sign
    if not text:
        return Host(number(known), known)
    if known in (1, -1):
        return Host(text if known == 1 else fill("-{0}", text))
    return Host(fill("{0} * {1}", number(known), text))


def quotient_of_hosts(numbers: Sequence[Host], divisors: Sequence[Host]) -> tuple[Host, str]:
    """The product of numbers over the product of others, computed by Python, and whether it is one to "mul" or to "div"
    by. None of the divisors is 0."""
    inverse = [Host("", 1 / each.number) for each in divisors if each.number is not None]
    above, below = host_product([*numbers, *inverse]), host_product([each for each in divisors if each.number is None])
    if below.number is not None:
        return above, "mul"
    return (below, "div") if above.number == 1 else (Host(fill("{0} / {1}", above.text, below.text)), "mul")


def rank_of(x: Strided) -> int:
    return len(x.shape)


def packed_view(x: Strided, shape: Extents) -> Strided:
    """`x`, which is contiguous, as `shape`."""
    return viewed(x, shape, contiguous_strides(shape))
