// ADD, AVERAGE_POOL_2D on codes: one output value.

function explainOperand(n, name, code, zeroPoint, scale) {
  const real = Number(code - BigInt(zeroPoint)) * scale;
  return n.step(`${name} less its zero point`, "subtract", { a: code, b: BigInt(zeroPoint) }, { real });
}

function explainAdd(n, given, data, at) {
  const largest = Math.max(given.input_scale, given.input2_scale);
  const leftShift = BigInt(given.left_shift);
  const unit = (2 * largest) / 2 ** given.left_shift; // what a step of the common scale stands for
  const operands = [
    ["input 1", data.input.at(at), given.input_scale, given.input_zero_point],
    ["input 2", data.input2.at(at), given.input2_scale, given.input2_zero_point],
  ];
  const terms = operands.map(([name, code, scale, zeroPoint]) => {
    const difference = explainOperand(n, name, code, zeroPoint, scale);
    const note = `${leftShift} bits, so that little is lost on the way to the common scale`;
    const shifted = n.step(`${name} with spare bits`, "shift_left", { x: difference, by: leftShift }, { note });
    return explainScaled(n, `multiplier of ${name}`, `${name} at twice the larger scale`, shifted, scale / (2 * largest), given.rounding, unit);
  });
  const total = n.step("sum", "add", { a: terms[0], b: terms[1] }, { real: Number(terms[0] + terms[1]) * unit });
  const exact = operands.reduce((sum, [, code, scale, zeroPoint]) => sum + Number(code - BigInt(zeroPoint)) * scale, 0);
  n.exact = n.bounded(exact, given.activation_min, given.activation_max);
  const scaled = explainScaled(n, "multiplier of the output", "rescaled", total, unit / n.scale, given.rounding, n.scale, true);
  explainCode(n, scaled, BigInt(given.output_zero_point), BigInt(given.activation_min), BigInt(given.activation_max));
}

function explainScaled(n, multiplierName, name, x, real, rounding, unit, saturates = false) {
  if (rounding === "float64") return explainFloat64(n, name, x, real, unit, "what no kernel of ADD does, but an ideal one would");
  let [multiplier, shift] = explainMultiplier(n, multiplierName, real);
  if (saturates && shift > 0n) {
    x = n.step("shifted left", "shift_left", { x, by: shift });
    x = n.step("as int32", "clamp", { x, low: LOWEST, high: HIGHEST }, { note: "it saturates here" });
    shift = 0n;
  }
  return explainRescaling(n, name, x, multiplier, shift, rounding, unit);
}

function explainAveragePool(n, given, data, [batch, y, x, channel]) {
  const places = [];
  for (const { sourceY, sourceX, inside } of taps(given.window, y, x)) {
    if (inside) places.push([batch, sourceY, sourceX, channel]);
  }
  const codes = places.map((place) => data.input.at(place));
  const all = given.window.filter_height * given.window.filter_width;
  const title = `window: ${codes.length} of ${all} taps inside the image`;
  n.table(title, ["input at", "input"], codes.map((code, place) => [listText(places[place]), code]), places);
  const total = n.step("sum of codes", "sum", { terms: codes });
  const up = given.rounding === "halves up";
  const note = `taps outside the image do not count; halves ${up ? "up" : "away from zero"}`;
  const operation = up ? "divide_half_up" : "divide_half_away";
  const average = n.step("average", operation, { a: total, b: BigInt(codes.length) }, { note });
  n.exact = n.bounded(n.real(Number(total) / codes.length), given.activation_min, given.activation_max);
  const [low, high] = [BigInt(given.activation_min), BigInt(given.activation_max)];
  n.step("output code", "clamp", { x: average, low, high }, { real: n.real(clamp(average, low, high)) });
}
