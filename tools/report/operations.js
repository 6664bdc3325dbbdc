// The operations of a step, by the names that q31 explain gives them: integers are BigInt, real numbers are Number.

const HIGHEST = 2n ** 31n - 1n, LOWEST = -(2n ** 31n);

function wrap(x, bits) {
  return BigInt.asIntN(Number(bits), x);
}

function halfAway(x) {
  const whole = Math.trunc(x);
  return BigInt(whole) + (Math.abs(x - whole) >= 0.5 ? BigInt(Math.sign(x)) : 0n);
}

// x = fraction * 2**exponent with 1/2 <= |fraction| < 1, exactly.
function frexp(x) {
  if (x === 0 || !Number.isFinite(x)) return [x, 0];
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  let exponent = ((view.getUint16(0) >> 4) & 0x7ff) - 1022;
  if (exponent === -1022) {
    const [fraction, more] = frexp(x * 2 ** 64);
    return [fraction, more - 64];
  }
  view.setUint16(0, (view.getUint16(0) & 0x800f) | (1022 << 4));
  return [view.getFloat64(0), exponent];
}

function quantizeMultiplier(real) {
  let [fraction, shift] = frexp(real);
  let mantissa = halfAway(fraction * 2 ** 31);
  if (mantissa === 2n ** 31n) [mantissa, shift] = [2n ** 30n, shift + 1];
  return shift < -31 || mantissa === 0n ? [0n, 0n] : [mantissa, BigInt(shift)];
}

function realMultiplier(inputScale, filterScale, outputScale, precision) {
  const product = inputScale * filterScale;
  return (precision === "float32" ? Math.fround(product) : product) / outputScale;
}

function roundingDivideByPot(x, exponent) {
  const remainder = x & (2n ** exponent - 1n);
  const threshold = ((2n ** exponent - 1n) >> 1n) + (x < 0n ? 1n : 0n);
  return (x >> exponent) + (remainder > threshold ? 1n : 0n);
}

function highMultiply(a, b) {
  const high = (a * b + 2n ** 30n) >> 31n;
  return high > HIGHEST ? HIGHEST : high;
}

function clamp(x, low, high) {
  const raised = x < low ? low : x;
  return raised > high ? high : raised;
}

function roundFloat64(x) {
  return x > -(2 ** 31) - 0.5 && x < 2 ** 31 - 0.5 ? halfAway(x) : LOWEST;
}

function bitLength(x) {
  return x === 0n ? 0n : BigInt(x.toString(2).length);
}

function leftBy(x, by) {
  return clamp(x << by, LOWEST, HIGHEST);
}

// The Q0.31 mantissa of 1/x: three Newton-Raphson steps from 48/17 - 32/17 d for d in [1/2, 1].
function reciprocalQ31(x) {
  const length = bitLength(x);
  const normalized = length <= 32n ? x << (32n - length) : x >> (length - 32n);
  const half = (normalized - 2n ** 31n + 2n ** 31n) >> 1n;
  let estimate = wrap(BigInt(Math.round((48 / 17) * 2 ** 29)) + highMultiply(half, BigInt(Math.round((-32 / 17) * 2 ** 29))), 32);
  for (let i = 0; i < 3; i++) {
    const error = 2n ** 29n - highMultiply(half, estimate);
    estimate = wrap(estimate + leftBy(highMultiply(estimate, error), 2n), 32);
  }
  return leftBy(estimate, 1n);
}

function halfUp(a, b) {
  const total = a + b / 2n;
  return total < 0n && total % b !== 0n ? total / b - 1n : total / b;
}

function halvesAway(a, b) {
  const size = ((a < 0n ? -a : a) + b / 2n) / b;
  return a < 0n ? -size : size;
}

const OPERATIONS = {
  add: ({ a, b }) => a + b,
  subtract: ({ a, b }) => a - b,
  multiply: ({ a, b }) => a * b,
  sum: ({ terms }) => terms.reduce((total, term) => total + term, 0n),
  maximum: ({ terms }) => terms.reduce((most, term) => (term > most ? term : most)),
  wrap_int32: ({ x }) => wrap(x, 32),
  wrap_int8: ({ x }) => wrap(x, 8),
  modulo: ({ x, by }) => ((x % by) + by) % by,
  shift_left: ({ x, by }) => x << by,
  shift_right: ({ x, by }) => x >> by,
  clamp: ({ x, low, high }) => clamp(x, low, high),
  look_up: ({ index, table }) => table[Number(index)],
  real_multiplier: ({ input_scale, filter_scale, output_scale, precision }) => realMultiplier(input_scale, filter_scale, output_scale, precision),
  quantize_multiplier: ({ real_multiplier }) => quantizeMultiplier(real_multiplier),
  rounding_divide_by_pot: ({ x, exponent }) => roundingDivideByPot(x, exponent),
  reciprocal_q31: ({ x }) => reciprocalQ31(x),
  divide_half_up: ({ a, b }) => halfUp(a, b),
  divide_half_away: ({ a, b }) => halvesAway(a, b),
  multiply_float64: ({ x, real_multiplier }) => Number(x) * real_multiplier,
  round_half_away: ({ x }) => roundFloat64(x),
};
