"""A region's nodes as Triton statements.

In: nodes of one kernel. Out: lines of text, and the kernel's parameters with what is passed for them. A value that is
read once is written where it is read, if the line stays short; a load, and what is read twice, gets a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from nnc.emit import draws
from nnc.emit.expression import fill, number
from nnc.emit.pointers import Pointers
from nnc.emit.reach import operands
from nnc.emit.writer import call
from nnc.schedule.index import Index, Looked, Quotient, Remainder, Variable
from nnc.schedule.region import (
    TYPES,
    Accumulator,
    Apply,
    Condition,
    Constant,
    Coordinate,
    Draw,
    Inside,
    Load,
    Node,
    Reduce,
    Runtime,
    Store,
    narrowed,
)

LONG = 92  # characters of an expression beyond which its operands get names
_CONTROL = {"step": "control", "cursor": "control + 1", "count": "control + 2"}


@dataclass(slots=True)
class TilePrinter(Pointers):
    """The text of one kernel. `sizes`: each tile variable's size as text; others are scalars of the program."""

    sizes: dict[Variable, str] = field(default_factory=dict)
    half: str | None = None  # what operands of products are rounded to: "tl.bfloat16"
    step_ahead: bool = False  # the kernel runs after `finish` has moved on to the next step
    texts: dict[object, str] = field(default_factory=dict)
    uses: Counter[Node] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    # ---------------------------------------------------------------------------------------------------- counting

    def count(self, roots: Iterable[Node]) -> None:
        """Counts how often each node is read, so that one read once need not be named."""
        stack = list(roots)
        self.uses.update(stack)
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            inner = list(operands(node))
            self.uses.update(inner)
            stack += inner

    # --------------------------------------------------------------------------------------------------- variables

    def name(self, hint: str, text: str) -> str:
        """A statement that gives `text` a name; where a pointer has it, the value is its tile."""
        name = hint or "value"
        name = self.names.fresh(f"{name}_tile" if name in self.pointers.values() else name)
        self.lines.append(f"{name} = {text}")
        return name

    def runtime(self, what: str) -> str:
        if what not in self.texts:
            if what == "tile":
                text = "tl.program_id(0)"
            else:
                self.control()
                text = f"tl.load({_CONTROL[what]})"
                if what == "step" and self.step_ahead:
                    text += " - 1"
            self.texts[what] = self.name(what, text)
        return self.texts[what]

    def valid(self, v: Variable) -> str:
        """The name of `v < count`, for a variable over the batch."""
        key = ("valid", v)
        if key not in self.texts:
            bound = fill("{0}" if v.each == 1 else "{0} * {1}", self.runtime("count"), str(v.each))
            self.texts[key] = self.name("valid", f"{v.name} < {bound}")
        return self.texts[key]

    def at(self, v: Variable, dims: tuple[Variable, ...]) -> str:
        return self.spread_text(v.name, (v,) if v in dims else (), dims)

    def spread_text(self, text: str, own: tuple[Variable, ...], dims: tuple[Variable, ...]) -> str:
        """`text`, which has an axis for each of `own`, with axes of size 1 for the others of `dims`."""
        if not own or own == dims:
            return text
        places = ", ".join(":" if d in own else "None" for d in dims)
        return fill("{0}[{places}]", text, places=places) if text.isidentifier() else f"({text})[{places}]"

    # ----------------------------------------------------------------------------------------------------- indices

    def index(self, index: Index, dims: tuple[Variable, ...]) -> str:
        parts = [self._term(atom, coefficient, dims) for atom, coefficient in index.terms]
        text = parts[0] if parts else str(index.constant)
        for part in parts[1:]:
            text = f"{text} - {part[1:]}" if part.startswith("-") else f"{text} + {part}"
        if parts and index.constant:
            text += f" + {index.constant}" if index.constant > 0 else f" - {-index.constant}"
        return text

    def _term(self, atom: object, coefficient: int, dims: tuple[Variable, ...]) -> str:
        match atom:
            case Variable():
                text = self.at(atom, dims)
            case Quotient(of, by):
                text = fill("{0} // {1}", self.index(of, dims), str(by))
            case Remainder(of, by):
                text = fill("{0} % {1}", self.index(of, dims), str(by))
            case Looked(key):
                assert isinstance(key, Node)
                text = self.spread(key, dims)
            case _:
                raise AssertionError(atom)
        if coefficient == 1:
            return text
        if coefficient == -1:
            return fill("-{0}", text)
        return fill("{0} * {1}", text, str(coefficient))

    # ------------------------------------------------------------------------------------------------------- masks

    def padding(self, variables: Iterable[Variable], dims: tuple[Variable, ...]) -> list[str]:
        terms = []
        for v in variables:
            if v.padded and ("inside", v) in self.texts:
                terms.append(self.spread_text(self.texts["inside", v], (v,), dims))
            elif v.padded:
                inside = v.extent is None
                own = (v,) if v in dims else ()
                terms.append(
                    self.spread_text(self.valid(v), own, dims) if inside else f"{self.at(v, dims)} < {v.extent}"
                )
        return terms

    def conditions(self, conditions: Iterable[Condition], dims: tuple[Variable, ...]) -> list[str]:
        terms = []
        for condition in narrowed(conditions):
            text = self.index(condition.index, dims)
            # a constant reads best on the other side, where the count of samples leaves that free
            start = condition.index.constant if isinstance(condition.size, int) and condition.index.terms else 0
            moved = self.index(Index(condition.index.terms, condition.index.constant - start), dims)
            if condition.may_be_negative:
                terms.append(fill("{0} >= {1}", moved, str(-start)))
            if condition.may_be_beyond:
                end = str(condition.size - start) if isinstance(condition.size, int) else self.runtime("count")
                terms.append(fill("{0} < {1}", moved, end))
            if condition.every > 1:
                terms.append(fill("{0} % {1} == 0", text, str(condition.every)))
        return terms

    @staticmethod
    def joined(terms: list[str]) -> str:
        text = terms[0]
        for term in terms[1:]:
            text = fill("{0} & {1}", text, term)
        return text

    # ------------------------------------------------------------------------------------------------------- nodes

    def spread(self, node: Node, dims: tuple[Variable, ...]) -> str:
        """`node`'s text with an axis for each of `dims`; named where that would not read well."""
        if isinstance(node, Inside):
            return self.joined([*self.padding(node.padding, dims), *self.conditions(node.conditions, dims)])
        text = self.text(node)
        own = tuple(d for d in dims if d in node.dims)
        is_load = isinstance(node, Load) and not text.isidentifier()
        if own and own != dims and not (text.isidentifier() or is_load):
            text = self.texts[node] = self.name(node.hint, text)
        if is_load and own and own != dims:
            places = ", ".join(":" if d in own else "None" for d in dims)
            return f"{text}[{places}]"
        return self.spread_text(text, own, dims)

    def text(self, node: Node) -> str:
        if node not in self.texts:
            text = self._text(node)
            self.texts[node] = self.name(node.hint, text) if self._named(node, text) else text
        return self.texts[node]

    def _named(self, node: Node, text: str) -> bool:
        match node:
            case Constant() | Accumulator() | Runtime() | Coordinate() | Inside():
                return False
            case Load():
                return self.uses[node] > 1 or "mask=" in text or len(text) > LONG // 2
            case _:
                return not text.isidentifier() and (self.uses[node] > 1 or len(text) > LONG)

    def _text(self, node: Node) -> str:
        match node:
            case Constant(value=value):
                return number(value, node.element)
            case Accumulator():
                return "acc"
            case Runtime(what=what):
                return self.runtime(what)
            case Coordinate(index=index):
                return self.index(index, node.dims)
            case Load():
                return self.load(node)
            case Draw():
                return draws.text(self, node)
            case Apply():
                return self._apply(node)
            case Inside(conditions=conditions, padding=padding):
                terms = [*self.padding(padding, node.dims), *self.conditions(conditions, node.dims)]
                return self.joined(terms) if terms else "True"
            case Reduce(form=form, arg=arg):
                assert arg is not None
                return fill(form, self.text(arg))
            case _:
                raise AssertionError(node)

    def _apply(self, node: Apply) -> str:
        text = fill(node.form, *(self.spread(arg, node.dims) for arg in node.args))
        if len(text) > LONG:
            inner = [arg for arg in node.args if isinstance(arg, Apply | Reduce) and not self.text(arg).isidentifier()]
            if inner:
                longest = max(inner, key=lambda arg: len(self.text(arg)))
                self.texts[longest] = self.name(longest.hint, self.text(longest))
                return self._apply(node)
        if node.form == "{0}" and node.dims != node.args[0].dims:
            return self.whole(text, node, node.dims)
        return text

    def load(self, node: Load, raw: bool = False) -> str:
        """`raw`: as stored, for an operand that is rounded anyway."""
        assert node.buffer is not None
        pointer = self.pointer(node.buffer)
        variables = dict.fromkeys((*node.dims, *node.index.variables()))
        terms = [*self.padding(variables, node.dims), *self.conditions(node.conditions, node.dims)]
        index = self.index(node.index, node.dims)
        place = pointer if index == "0" else f"{pointer} + {index}"
        other = "0.0" if node.buffer.element in ("f32", "f64", "bf16", "f16") else "0"
        mask = f", mask={self.joined(terms)}, other={other}" if terms else ""
        text = f"tl.load({place}{mask})"
        return f"{text}.to(tl.float32)" if node.buffer.element in ("bf16", "f16") and not raw else text

    # ------------------------------------------------------------------------------------------------------ stores

    def operand(self, node: Node, dims: tuple[Variable, ...]) -> str:
        """An operand of a product, with all of its axes, in the precision of products."""
        if isinstance(node, Load) and node not in self.texts:
            text = self.load(node, raw=self.half is not None)
            if self.half is not None:
                text += f".to({self.half})"
        else:
            text = self.text(node)
            if self.half is not None:
                text = fill("{0}.to({1})", text, self.half)
        if node.dims != dims:
            spread = self.spread_text(text, node.dims, dims) if node.dims else text
            return self.whole(spread, node, dims)
        return text

    def whole(self, text: str, node: Node, dims: tuple[Variable, ...]) -> str:
        """`node`'s text, spread already, repeated along those of `dims` that it lacks."""
        shape = f"({', '.join(self.sizes[d] for d in dims)}{',' if len(dims) == 1 else ''})"
        scalar = node.args[0] if isinstance(node, Apply) and node.form == "{0}" else node
        if not scalar.dims:
            return f"tl.full({shape}, {text}, {TYPES[scalar.element]})"
        return f"tl.broadcast_to({text}, {shape})"

    def store(self, store: Store, row: str = "") -> None:
        """`row`: for a partial, the text of where the tile's row starts."""
        dims = self._store_dims(store)
        value = self.spread(store.value, dims)
        place = row or self.pointer(store.buffer)
        if store.index.constant and store.index.terms:
            place += f" + {store.index.constant}"
        rest = Index(store.index.terms, 0) if store.index.terms else store.index
        index = self.index(rest, dims)
        place = place if index == "0" else f"{place} + {index}"
        terms = self.padding(store.index.variables(), dims)
        mask = [f"mask={self.joined(terms)}"] if terms else []
        if len(", ".join([place, value, *mask])) > LONG and not value.isidentifier():
            value = self.name(store.value.hint, value)
        self.lines.append(call("tl.store", place, value, *mask).flat())

    def _store_dims(self, store: Store) -> tuple[Variable, ...]:
        rank = {v: i for i, v in enumerate(self.sizes)}
        variables = dict.fromkeys((*store.index.variables(), *store.value.dims))
        return tuple(sorted((v for v in variables if v in rank), key=rank.__getitem__))

    def drain(self) -> list[str]:
        """The lines so far, which are then forgotten."""
        lines, self.lines = self.lines, []
        return lines
