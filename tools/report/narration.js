// Steps and tables, collected while the arithmetic of a value is gone through; written as q31 explain writes them.

function negative(x) {
  return x < 0 ? `(${show(x)})` : show(x);
}

function termsText(terms, joinedBy = "") {
  const shown = terms.slice(0, LISTED);
  let text;
  if (joinedBy) text = shown.map(show).join(joinedBy);
  else text = shown.map((one, place) => (place === 0 ? show(one) : one < 0 ? ` - ${show(-one)}` : ` + ${show(one)}`)).join("") || "0";
  return terms.length > LISTED ? `${text} ... (${terms.length} in all)` : text;
}

const TEXTS = {
  add: ({ a, b }) => `${show(a)} + ${negative(b)}`,
  subtract: ({ a, b }) => `${show(a)} - ${negative(b)}`,
  multiply: ({ a, b }) => `${show(a)} * ${negative(b)}`,
  multiply_float64: ({ x, real_multiplier }) => `${x} * ${show(real_multiplier)}`,
  sum: ({ terms }) => termsText(terms),
  maximum: ({ terms }) => `greatest of ${termsText(terms, ", ")}`,
  wrap_int32: ({ x }) => `${x} as int32`,
  wrap_int8: ({ x }) => `${x} as int8`,
  modulo: ({ x, by }) => `${x} modulo ${by}`,
  divide_half_up: ({ a, b }) => `${a} / ${b}, halves up`,
  divide_half_away: ({ a, b }) => `${a} / ${b}, halves away from zero`,
  shift_left: ({ x, by }) => `${x} << ${by}`,
  shift_right: ({ x, by }) => `${x} >> ${by}`,
  clamp: ({ x, low, high }) => `${show(x)} within [${show(low)}, ${show(high)}]`,
  look_up: ({ index }) => `table[${index}]`,
  rounding_divide_by_pot: ({ x, exponent }) => `${x} / 2**${exponent}, rounded`,
  reciprocal_q31: ({ x }) => `1 / ${x} as a Q0.31 mantissa`,
  round_half_away: ({ x }) => `${show(x)} rounded`,
};

class Narration {
  constructor(scale, zeroPoint, dtype) {
    this.scale = scale;
    this.zeroPoint = zeroPoint;
    this.dtype = dtype;
    this.parts = [];
    this.exact = null;
  }

  step(name, operation, operands, { text = "", note = "", real = null } = {}) {
    const result = OPERATIONS[operation](operands);
    const written = text || `${TEXTS[operation](operands)} = ${show(result)}`;
    this.parts.push({ name, operation, operands, result, text: written, note, real: real !== null && Number.isFinite(real) ? real : null });
    return result;
  }

  table(title, columns, rows, places = null) {
    this.parts.push({ table: title, columns, rows, places });
  }

  get result() {
    return this.parts[this.parts.length - 1].result;
  }

  get value() {
    return Number(this.result - BigInt(this.zeroPoint)) * this.scale;
  }

  real(code) {
    return (Number(code) - this.zeroPoint) * this.scale;
  }

  bounded(exact, low, high) {
    return Math.max(this.real(low), Math.min(exact, this.real(high)));
  }
}
