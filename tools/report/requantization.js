// From an accumulator to an output code: multiplier, rounding with the bits it drops, zero point, clamp.

function groupedDigits(digits) {
  return digits.match(/.{1,8}/g).join(" ");
}

function drawQ31(mantissa) {
  return `0.${groupedDigits(mantissa.toString(2).padStart(31, "0"))}b`;
}

function drawDropped(x, bits) {
  if (bits <= 0n) return "";
  const kept = ((x >> bits) & 255n).toString(2).padStart(8, "0");
  const dropped = (x & (2n ** bits - 1n)).toString(2).padStart(Number(bits), "0");
  return `...${kept}|${groupedDigits(dropped)}`;
}

function direction(x, bits) {
  const rest = x & (2n ** bits - 1n), half = 2n ** (bits - 1n);
  const where = rest === half ? "exactly half" : rest < half ? "less than half" : "more than half";
  const up = rest > half || (rest === half && x >= 0n);
  const tie = rest === half ? ", which goes away from zero" : "";
  return `${rest} of ${2n ** bits} is ${where}${tie}: rounds ${up ? "up" : "down"}`;
}

function way(shift) {
  return shift ? `${shift < 0n ? -shift : shift} to the ${shift > 0n ? "left" : "right"}` : "none";
}

function explainMultiplier(n, name, real) {
  const [mantissa, shift] = quantizeMultiplier(real);
  const hexadecimal = mantissa.toString(16).toUpperCase().padStart(8, "0");
  n.step(name, "quantize_multiplier", { real_multiplier: real }, {
    text: `${show(real)} = ${mantissa} * 2**(${shift} - 31)`,
    note: `M = 0x${hexadecimal} = ${drawQ31(mantissa)}, shift ${shift} (${way(shift)})`,
    real: (Number(mantissa) / 2 ** 31) * 2 ** Number(shift),
  });
  return [mantissa, shift];
}

function explainRescaling(n, name, x, multiplier, shift, rounding, unit) {
  const real = (code) => code * unit;
  if (rounding === "single") {
    const total = 31n - shift;
    const product = n.step("times M", "multiply", { a: x, b: multiplier });
    const nudged = n.step("nudged", "add", { a: product, b: 2n ** (total - 1n) }, { note: `half of 2**${total}: halves go up` });
    const note = `one rounding drops ${total} bits: ${drawDropped(nudged, total)}`;
    const scaled = n.step(name, "shift_right", { x: nudged, by: total }, { note, real: real(Number(product) / 2 ** Number(total)) });
    return scaled < LOWEST || scaled > HIGHEST ? n.step("as int32", "wrap_int32", { x: scaled }, { note: "int32 wraps" }) : scaled;
  }
  if (shift > 0n) {
    x = n.step("shifted left", "shift_left", { x, by: shift }, { note: "double rounding shifts to the left before it multiplies; int32 wraps" });
    x = n.step("as int32", "wrap_int32", { x });
  }
  const exponent = shift < 0n ? -shift : 0n;
  const high = explainHighMultiply(n, x, multiplier);
  return explainRightShift(n, name, high, exponent, real(Number(x * multiplier) / 2 ** (31 + Number(exponent))));
}

function explainHighMultiply(n, x, multiplier) {
  const product = n.step("times M", "multiply", { a: x, b: multiplier }, { note: "of 64 bits" });
  const nudged = n.step("nudged", "add", { a: product, b: 2n ** 30n }, { note: "half of 2**31, so that halves go up" });
  const high = n.step("high multiply", "shift_right", { x: nudged, by: 31n }, { note: `drops 31 bits: ${drawDropped(nudged, 31n)}` });
  return high > HIGHEST ? n.step("saturated", "clamp", { x: high, low: LOWEST, high: HIGHEST }, { note: "the one product that does" }) : high;
}

function explainRightShift(n, name, x, exponent, real = null) {
  const note = exponent ? `drops ${exponent} bits: ${drawDropped(x, exponent)}; ${direction(x, exponent)}` : "no right shift";
  return n.step(name, "rounding_divide_by_pot", { x, exponent }, { note, real });
}

// What float64 gives of an integer times a real multiplier, as the reference's FULLY_CONNECTED has it.
function explainFloat64(n, name, x, real, unit, note) {
  const product = n.step(name, "multiply_float64", { x, real_multiplier: real }, { note, real: Number(x) * real * unit });
  return n.step("rounded", "round_half_away", { x: product }, { real: product * unit });
}

function explainRequantization(n, given, accumulator, filterScale) {
  const scales = { input_scale: given.input_scale, filter_scale: filterScale, output_scale: n.scale };
  const inFloat64 = realMultiplier(given.input_scale, filterScale, n.scale, "float64");
  const real = realMultiplier(given.input_scale, filterScale, n.scale, given.precision);
  const precision = inFloat64 === real ? "float64" : "float32";
  n.step("real multiplier", "real_multiplier", { ...scales, precision }, {
    text: `${show(given.input_scale)} * ${show(filterScale)} / ${show(n.scale)} = ${show(real)}`,
    note: `input scale * filter scale / output scale, the product in ${precision}`,
  });
  let scaled;
  if (given.rounding === "float64") {
    scaled = explainFloat64(n, "scaled", accumulator, real, n.scale, "the reference's FULLY_CONNECTED needs no integer multiplier");
  } else {
    const [multiplier, shift] = explainMultiplier(n, "multiplier and shift", real);
    scaled = explainRescaling(n, "rescaled", accumulator, multiplier, shift, given.rounding, n.scale);
  }
  explainCode(n, scaled, BigInt(given.output_zero_point), BigInt(given.activation_min), BigInt(given.activation_max));
}

function explainCode(n, scaled, zeroPoint, low, high) {
  let code = n.step("with the zero point", "add", { a: scaled, b: zeroPoint }, { real: Number(scaled) * n.scale });
  if (code < LOWEST || code > HIGHEST) code = n.step("as int32", "wrap_int32", { x: code });
  const note = low <= code && code <= high ? `inside [${low}, ${high}]` : `saturates to [${low}, ${high}]`;
  n.step("output code", "clamp", { x: code, low, high }, { note, real: n.real(clamp(code, low, high)) });
}
