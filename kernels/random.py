"""Random draws: NumPy's Philox4x64-10, counter-based, bit for bit.

A draw has a stream of its own, told by the run's seed (`control + 5`) and the draw's key. A block of the stream is four
words of 64 bits; its counter is its number, the number of the pass over the data (`control + 6`) and whether that is
training, evaluation or prediction (`control + 7`). Every sample of the data set has whole blocks of its own: 16 lanes
of 16 bits for a truth, 8 of 32 for a number. Recomputed wherever they are read, draws never lie in memory.

`draw_X` takes the block and the lane of each element. `draw_X_rows` takes each row's first block and the columns `n`,
which follow one another from a multiple of the lanes: each block is computed once.
"""

import triton
import triton.language as tl


@triton.jit
def draw_words(control, key, block):
    """The four words of each block."""
    seed = tl.load(control + 5).to(tl.uint64)
    number = tl.load(control + 6).to(tl.uint64)
    kind = tl.load(control + 7).to(tl.uint64)
    counter = (block + 1).to(tl.uint64)  # NumPy counts before it draws
    return tl.philox_impl(counter, number, kind, kind * 0, seed, kind * 0 + key)


@triton.jit
def draw_word(control, key, block, place):
    """The word at `place`, 0 to 3, of each block."""
    a, b, c, d = draw_words(control, key, block)
    return tl.where(place < 2, tl.where(place == 0, a, b), tl.where(place == 2, c, d))


@triton.jit
def draw_word_rows(control, key, start, n, LANES: tl.constexpr):
    """The words of the blocks that columns n lie in, block by block, each row's blocks from `start` on."""
    blocks = tl.min(tl.reshape(n, (n.shape[0] // LANES, LANES)), axis=1) // LANES
    a, b, c, d = draw_words(control, key, start[:, None] + blocks[None, :])
    words = tl.join(tl.join(a, c), tl.join(b, d))
    return tl.reshape(words, (start.shape[0], n.shape[0] // LANES * 4))


@triton.jit
def draw_bernoulli(control, key, block, lane, threshold):
    """True where a lane of 16 bits is below the threshold."""
    at = tl.to_tensor(lane)
    word = draw_word(control, key, block, at // 4)
    return ((word >> (at % 4 * 16).to(tl.uint64)) & 0xFFFF).to(tl.int32) < threshold


@triton.jit
def draw_bernoulli_rows(control, key, start, n, threshold):
    """True where a lane of 16 bits is below the threshold."""
    words = draw_word_rows(control, key, start, n, 16)
    lanes = (words[:, :, None] >> (tl.arange(0, 4) * 16).to(tl.uint64)[None, None, :]) & 0xFFFF
    return tl.reshape(lanes.to(tl.int32), (start.shape[0], n.shape[0])) < threshold


@triton.jit
def draw_unit(lane):
    """Evenly in [0, 1), by steps of 2^-24: the upper bits of a lane of 32."""
    return ((lane >> 8) & 0xFFFFFF).to(tl.int32).to(tl.float32) * 5.9604644775390625e-08


@triton.jit
def draw_uniform(control, key, block, lane, low, high):
    """Evenly in [low, high)."""
    at = tl.to_tensor(lane)
    word = draw_word(control, key, block, at // 2)
    return low + (high - low) * draw_unit(word >> (at % 2 * 32).to(tl.uint64))


@triton.jit
def draw_uniform_rows(control, key, start, n, low, high):
    """Evenly in [low, high)."""
    words = draw_word_rows(control, key, start, n, 8)
    lanes = tl.reshape(tl.join(words, words >> 32), (start.shape[0], n.shape[0]))
    return low + (high - low) * draw_unit(lanes)


@triton.jit
def draw_radius(word):
    """Of Box and Muller, from a word's lower half; log of at least 2^-24."""
    return tl.sqrt(-2.0 * tl.log(draw_unit(word) + 5.9604644775390625e-08))


@triton.jit
def draw_turn(turns):
    """Cosine and sine of 2 pi times [0, 1]: within an eighth of a turn by their series to the tenth power, and from
    there by quarters. tl.cos and tl.sin take any angle, and memory of each thread for that."""
    quarter = tl.floor(4.0 * turns + 0.5)
    x = 6.283185307179586 * (turns - 0.25 * quarter)
    t = x * x
    c = 1.0 + t * (-1.0 / 2 + t * (1.0 / 24 + t * (-1.0 / 720 + t * (1.0 / 40320 - t * (1.0 / 3628800)))))
    s = x + x * t * (-1.0 / 6 + t * (1.0 / 120 + t * (-1.0 / 5040 + t * (1.0 / 362880))))
    is_odd = (quarter == 1.0) | (quarter == 3.0)
    cosine, sine = tl.where(is_odd, s, c), tl.where(is_odd, c, s)
    cosine = tl.where((quarter == 1.0) | (quarter == 2.0), -cosine, cosine)
    return cosine, tl.where((quarter == 2.0) | (quarter == 3.0), -sine, sine)


@triton.jit
def draw_normal(control, key, block, lane, mean, stddev):
    """Normally distributed, two of each word: Box and Muller, 1958."""
    at = tl.to_tensor(lane)
    word = draw_word(control, key, block, at // 2)
    cosine, sine = draw_turn(draw_unit(word >> 32))
    return mean + stddev * draw_radius(word) * tl.where(at % 2 == 0, cosine, sine)


@triton.jit
def draw_normal_rows(control, key, start, n, mean, stddev):
    """Normally distributed, two of each word: Box and Muller, 1958."""
    words = draw_word_rows(control, key, start, n, 8)
    radius = draw_radius(words)
    cosine, sine = draw_turn(draw_unit(words >> 32))
    pairs = tl.join(radius * cosine, radius * sine)
    return mean + stddev * tl.reshape(pairs, (start.shape[0], n.shape[0]))


@triton.jit
def draw_try(first, second, third, d, value, done):
    """One try of Marsaglia and Tsang, "A simple method for generating gamma variables", 2000, from three lanes."""
    unit = 5.9604644775390625e-08
    cosine, _ = draw_turn(draw_unit(second))
    x = tl.sqrt(-2.0 * tl.log(draw_unit(first) + unit)) * cosine
    root = 1.0 + x / tl.sqrt(9.0 * d)
    v = root * root * root
    log_v = tl.log(tl.maximum(v, 1e-30))
    good = (v > 0) & (tl.log(draw_unit(third) + unit) < 0.5 * x * x + d - d * v + d * log_v)
    return tl.where(good & (done == 0), v, value), tl.where(good, 1, done)


@triton.jit
def draw_gamma(control, key, block, alpha, beta):
    """Gamma distributed, of eight tries from the four blocks from `block` on; below alpha = 1 by a power of a uniform
    number. What no try gives is the mode's."""
    raised = tl.where(alpha < 1, alpha + 1.0, alpha)
    d = raised - 1 / 3
    value = (block * 0 + 1).to(tl.float32)
    done = (block * 0).to(tl.int32)
    boost = value
    for step in range(4):
        a, b, c, e = draw_words(control, key, block + step)
        value, done = draw_try(a, a >> 32, b, d, value, done)
        value, done = draw_try(b >> 32, c, c >> 32, d, value, done)
        boost = tl.where(step == 0, draw_unit(e) + 5.9604644775390625e-08, boost)
    power = tl.exp(tl.log(boost) / alpha)
    return d * value * tl.where(alpha < 1, power, 1.0) / beta
