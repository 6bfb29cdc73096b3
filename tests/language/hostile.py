"""Expressions and states that nobody should write, for the constructs of the language one by one."""

_EXPRESSIONS = """uniform([0]); uniform([-1]); uniform([10 ^ 6, 10 ^ 6]); uniform(x); uniform([2], 1)
uniform([2], inf, -inf); uniform([2], x, 1); normal([2], 0, -1); normal(none); bernoulli([2], 2); bernoulli([2], x)
bernoulli([2], inf); gamma([2], 0); gamma([2], x); gamma([2], 1, -1)
uniform(shape = [2], low = 0, high = 1, seed = 3); uniform; batch(x); batch(batch(x)); batch(3); batch(none)
batch(); batch(x, x); batch; row; row(x); row + 1; row[0]; batch(row); [s for s in 3]; [s for s in none]
[3 for s in x]; [none for s in x]; [[s] for s in x]; [s for s, t in x]; [Dense(2) for s in x]
[s |> Dense for s in x]; [s for s in x if s > 0]; [s + t for s in x for t in x]; [x for _ in range(10 ^ 9)]
[s for s in Net]; [[t for t in s] for s in x]; [Net(s) for s in x]; [uniform([2]) for s in x]; [batch(s) for s in x]
rearrange(x, ""); rearrange(x, "->"); rearrange(x, "a"); rearrange(x, "a b -> b"); rearrange(x, "a b -> a b c")
rearrange(x, "a a -> a"); rearrange(x, "(a b -> a b"); rearrange(x, "a b) -> a b")
rearrange(x, "((a b) c) -> a b c"); rearrange(x, "a b -> (a (b))"); rearrange(x, "a b -> () a b")
rearrange(x, "a (b c) -> a b c"); rearrange(x, "a (b c) -> a b c", b = 0); rearrange(x, "a (b c) -> a b c", b = -2)
rearrange(x, "a (b c) -> a b c", b = x); rearrange(x, "a (b c) -> a b c", b = 3)
rearrange(x, "a (b c) -> a b c", d = 2); rearrange(x, "a b -> b a", a = 7); rearrange(x, "... b -> b ...")
rearrange(x, "a b -> b a -> a b"); rearrange(x, "ä 1 -> ä"); rearrange(x, "2 b -> b"); rearrange(x, 3); rearrange(x)
rearrange("a -> a", x); einsum("ij->", x); einsum("->", x); einsum("ij", x); einsum("ij->ij->", x)
einsum("ii->i", x); einsum("ij->ijk", x); einsum("ij->jj", x); einsum("ij,jk->ik", x); einsum("ij,jk->ik", x, x, x)
einsum("i j -> j", x); einsum("...j->j", x); einsum("1j->j", x); einsum("äj->j", x); einsum("ij;ij->i", x, x)
einsum(",->", x, x); einsum("ij,ij->z", x, x); einsum("ij,ik->", x, x); einsum(x, "ij->i"); einsum("ij->i", 3)
einsum("ij->i", none); einsum("ijk->i", x); einsum("ij,ij->i", x, i32(x)); einsum("B,B->", x, x); einsum(3, x)
einsum("ij->ji", x); einsum("", x); einsum(x); einsum("i,j,k->", x, x); einsum; sort(x, axis = 9); sort(3)
sort(x, descending = 2); argsort(none); top_k(x, 0); top_k(x, -1); top_k(x, 10 ^ 9); top_k(x, x); top_k(x, 1, 1)
top_k(x, 1); cumsum(x, axis = none); cumsum(true); tile(x, 0); tile(x, [1]); tile(x, [1, 2, 3]); tile(x, 10 ^ 12)
repeat(x, 0); repeat(x, 10 ^ 12); repeat(x, 1.5); roll(x, 10 ^ 18); roll(x, x); roll(x, 1, axis = 5); pad_to(x, 1)
pad_to(x, -1); pad_to(x, 10 ^ 12); last(3); last(sum(x)); reverse(x, axis = none); split(x, 0); split(x, -1)
split(x, 3); split(x, x); concat([]); concat(x); concat([x, none]); concat([x, x], axis = 9); stack([])
stack([x, x[0]]); pad(x, []); pad(x, [[0, -1], [0, 0]]); pad(x, [[0, 10 ^ 12], [0, 0]]); pad(x, 1); broadcast(x, [])
broadcast(x, [0, 2]); broadcast(x, [-1]); broadcast(x, x); reshape(x, []); reshape(x, [-1, -1]); reshape(x, [0, -1])
reshape(x, [10 ^ 18, 10 ^ 18]); reshape(x, "4"); reshape(x, [1.5]); transpose(x, []); transpose(x, [0, 2])
gather(x, []); gather([1, 2], [2]); gather([1, 2], [-1]); gather([1, 2], [[], []]); gather([1, 2], 0.5)
pick(x, [0, 9]); pick(x, [true, false]); pick(3, 0); arange(0); arange(-1); arange(10 ^ 12); arange(x)
one_hot(x, 4); one_hot([0, 9], 4); one_hot([0, 1], 0); one_hot(row, 10 ^ 12); argmax(x); argmax(x, axis = [0, 1])
argmax(x, batch = true); argmax(x, axis = [], batch = 3); variance(i32(x)); mean(x > 0); sum(x, batch = none)
sum(x, axis = "all"); clip(x, 1, 0); clip(x, none, none); where(true, 1, 2); where(x, x, x); where(x > 0, true, x)
maximum(x); maximum(x, none); minimum([], x); isfinite(3); x @ 3; x @ none; x @ [[], []]; x @ [1, [2]]; x ^ x ^ x
x // 0; x % 0; 1 / 0; 0 ^ -1; (-8) ^ 0.5; inf - inf; inf // 1; 10 ^ 18 * 10 ^ 18; -inf ^ inf; x + [inf]; x * 1e400
x[none]; x[...][...]; x[..., ...]; x[0:0]; x[5:]; x[::0]; x[1.5]; x[x]; x[[0]]; x[{}]; x[true]; x["a"]; x[-3]
x[0, 0, 0]; x[10 ^ 18]; x[0:10 ^ 18]; none[0]; [][0]; {}[0]; Dense(inf); Dense(-inf); Dense(1e400); Dense(10 ^ 12)
Dense(none); Dense([]); Dense({}); Dense(Dense); Dense(x); Dense(2)(x, x); Dense(2)(kernel = 3)
Dense(2)(x, kernel = none); Dense(2)(x, kernel = [[1]]); Dense(2)(x, bias = x); Dense(2, 3, 4, 5, 6, 7)
Dense(units = 2, units = 3); Dense(2).kernel; Dense(2).units(x); copy(3); copy(x); copy(Dense)
copy(Dense(2), units = none); copy(Dense(2), 3); copy(copy(Dense(2))); stop_gradient(3); stop_gradient(none)
stop_gradient(Dense)(x); Sequential(); Sequential([]); Sequential(x); Sequential([none]); Sequential([x])
Sequential([Dense])(x); 0 * Dense(2); -1 * Dense(2); x |> 0 * Dense(2); (x |> 10 ^ 12 * relu); x |> []; x |> [relu]
x |> none; x |> 3; x |> "relu"; (x,) |> relu; () |> relu; [] |> Add; [none] |> Add; (x, none) |> Add
x |> (relu |> 3); x |> relu(x); x |> relu(); len(3); len(none); len(x); len("abc"); shape(3); shape(Net); range()
range(1, 2, 0); range(0.5); range(10 ^ 18); range_of(3); element_of(none); range(x); training; training(x); none(x)
inf(x); true(x); "a" + "b"; "a" * 3; "a" < "b"; [1] < [2]; none < 1; {} == {}; [x] == [x]; Net == Net; x == none
none + 1; not 3; not x; x and true; 1 in 3; x in [x]; 3 in x; Net(); Net; Net(x)(x); Net(x, x); Net(x).y; Net.y
x.shape; x.x.x; { a: 1 }.b; { a: 1, a: 2 }; { "a": 1 }; { a.b: 1 }.a; SGD; SGD(0.1); SGD(x, x); SGD(0.1)(x, x)
Precision; Precision()(x); accuracy; accuracy(x); step; parameter; gradient; zeros; zeros(x); zeros([2], 1, 1)
glorot_uniform([2, 2], 2, 2)"""
_STATES = """s: float = x; s: float = mean(x, batch = true) + uniform([])
s: float[3] = mean(x, axis = [], batch = true); s: i32 = mean(x, batch = true); s: bool = any(x > 0, batch = true)
s: float = mean(t, batch = true); s: float = s; s: float = s'; s: float[0] = zeros; s: float[10 ^ 12] = zeros
s: index(3) = 0; s: index(0) = 0; s: float[...] = zeros; s: float[...Q] = zeros; s: float[x] = zeros
s: float = mean(batch(x)); s: float = mean(x |> Dense(2), batch = true); s: float = Dense; s: string = "a"; s = "a"
s = Dense; s = {}; s = [1]; s = -inf; s = 10 ^ 18; s: u8 = 300; s: i32 = 10 ^ 12; s: i64 = 0.5
s: float = mean(stop_gradient(x), batch = true); s: float = sum([mean(x, batch = true) for _ in range(3)])
s: float = variance(x, batch = true) if training else none; s: float = argmax(x, axis = [], batch = true)"""
EXPRESSIONS, DECLARATIONS = (
    [each for line in text.splitlines() for each in line.split("; ")] for text in (_EXPRESSIONS, _STATES)
)
