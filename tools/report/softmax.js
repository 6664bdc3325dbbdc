// SOFTMAX on codes of 8 bits, in gemmlowp's fixed point.

const ACCUMULATION_BITS = 12n, DIFFERENCE_BITS = 5;

function constant(real, integerBits) {
  return BigInt(Math.round(real * 2 ** (31 - integerBits)));
}

// exp of a number in [-1/4, 0), Q0.31 to Q0.31: a Taylor polynomial around -1/8.
function expNearZero(raw) {
  const x = wrap(raw + 2n ** 28n, 32);
  const x2 = highMultiply(x, x);
  const x3 = highMultiply(x2, x);
  const x4 = highMultiply(x2, x2);
  const cubic = highMultiply(roundingDivideByPot(x4, 2n) + x3, constant(1 / 3, 0)) + x2;
  const center = constant(Math.exp(-1 / 8), 0);
  return highMultiply(center, x + roundingDivideByPot(cubic, 1n)) + center;
}

// exp of a number of at most 0 in Q5.26, to Q0.31: a part in [-1/4, 0), and powers of two times 1/4 by constants.
function expOnNegativeValues(raw) {
  if (raw === 0n) return HIGHEST;
  const fractional = 31 - DIFFERENCE_BITS;
  const quarter = 2n ** BigInt(fractional - 2);
  const part = (raw & (quarter - 1n)) - quarter;
  let result = expNearZero(leftBy(part, BigInt(DIFFERENCE_BITS)));
  const remainder = part - raw;
  for (let exponent = -2; exponent < DIFFERENCE_BITS; exponent++) {
    if (remainder & (2n ** BigInt(fractional + exponent))) result = highMultiply(result, constant(Math.exp(-(2 ** exponent)), 0));
  }
  return result;
}

// int32 times a quantized multiplier.
function rescaled(x, multiplier, shift, rounding) {
  if (rounding === "single") return wrap((x * multiplier + 2n ** (30n - shift)) >> (31n - shift), 32);
  const left = shift > 0n ? shift : 0n, right = shift < 0n ? -shift : 0n;
  return roundingDivideByPot(highMultiply(wrap(x << left, 32), multiplier), right);
}

// The exponentials of the differences 0 to -255, in Q0.31.
function exponentialsOf(given) {
  const fractional = 31 - DIFFERENCE_BITS;
  const largest = given.rounding === "single" ? 2 ** 30 - 1 : 2 ** 31 - 1;
  const real = Math.min(given.beta * given.input_scale * 2 ** fractional, largest);
  const [multiplier, shift] = quantizeMultiplier(real);
  const radius = Math.floor((2 ** DIFFERENCE_BITS - 1) * 2 ** (fractional - Number(shift)));
  const least = Math.min(radius, 256);
  return Array.from({ length: 256 }, (_, i) => (i > least ? 0n : expOnNegativeValues(rescaled(BigInt(-i), multiplier, shift, given.rounding))));
}

function explainSoftmax(n, given, data, [row, , , last]) {
  const depth = data.input.shape[3];
  const places = Array.from({ length: depth }, (_, k) => [row, 0, 0, k]);
  const codes = places.map((place) => data.input.at(place));
  const exponentials = exponentialsOf(given);
  const greatest = n.step("greatest code of the row", "maximum", { terms: codes });
  const terms = codes.map((code) => roundingDivideByPot(exponentials[Number(greatest - code)], ACCUMULATION_BITS));
  n.table(
    `row of ${depth}: exponentials in Q0.31 of the differences, and in Q12.19 for the sum`,
    ["input", "less the greatest", "exponential", "term"],
    codes.map((code, place) => [code, code - greatest, exponentials[Number(greatest - code)], terms[place]]),
    places,
  );
  const sum = OPERATIONS.sum({ terms });
  const total = n.step("sum of exponentials", "sum", { terms }, { note: "Q12.19: 12 integer bits", real: Number(sum) / 2 ** 19 });
  const over = bitLength(total) - 32n + ACCUMULATION_BITS;
  const scale = n.step("reciprocal of the sum", "reciprocal_q31", { x: total, integer_bits: ACCUMULATION_BITS }, {
    note: `Q0.31 mantissa by three Newton-Raphson steps; it stands for mantissa * 2**-${over}`,
    real: Number(reciprocalQ31(total)) / 2 ** (31 + Number(over)),
  });
  const betaScale = given.input_scale * given.beta;
  const difference = n.step("difference to the greatest", "subtract", { a: greatest, b: codes[last] }, { real: Number(codes[last] - greatest) * betaScale });
  const exponential = n.step("exponential", "look_up", { index: difference, table: exponentials }, {
    real: Number(exponentials[Number(difference)]) / 2 ** 31,
    note: "exp in Q0.31, by gemmlowp's polynomial and constants",
  });
  const product = explainHighMultiply(n, scale, exponential);
  const exponent = over + 31n - 8n;
  const share = explainRightShift(n, "share in steps of the output", product, exponent, (Number(product) / 2 ** Number(exponent)) * n.scale);
  const weights = codes.map((code) => Math.exp(Number(code - greatest) * betaScale));
  n.exact = weights[last] / weights.reduce((a, b) => a + b, 0);
  explainCode(n, share, BigInt(given.lowest), BigInt(given.lowest), BigInt(given.highest));
}
