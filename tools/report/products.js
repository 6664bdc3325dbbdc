// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED on codes: one accumulator, product by product.

// Each tap of a window at a place of the output: its place, that in the image, and whether that is inside.
function* taps(window, y, x) {
  for (let tapY = 0; tapY < window.filter_height; tapY++) {
    for (let tapX = 0; tapX < window.filter_width; tapX++) {
      const sourceY = y * window.stride_height - window.padding_top + tapY * window.dilation_height;
      const sourceX = x * window.stride_width - window.padding_left + tapX * window.dilation_width;
      const inside = sourceY >= 0 && sourceY < window.input_height && sourceX >= 0 && sourceX < window.input_width;
      yield { tapY, tapX, sourceY, sourceX, inside };
    }
  }
}

function pairsOfConv2D(given, data, [batch, y, x, channel]) {
  const [filters, , , depth] = data.weights.shape;
  const first = Math.floor(channel / (filters / given.groups)) * depth;
  const pairs = [];
  for (const { tapY, tapX, sourceY, sourceX, inside } of taps(given.window, y, x)) {
    for (let k = 0; k < depth; k++) {
      const place = inside ? [batch, sourceY, sourceX, first + k] : null;
      pairs.push(pair(given, data, [channel, tapY, tapX, k], place));
    }
  }
  return pairs;
}

function pairsOfDepthwise(given, data, [batch, y, x, channel]) {
  const pairs = [];
  for (const { tapY, tapX, sourceY, sourceX, inside } of taps(given.window, y, x)) {
    const place = inside ? [batch, sourceY, sourceX, Math.floor(channel / given.depth_multiplier)] : null;
    pairs.push(pair(given, data, [0, tapY, tapX, channel], place));
  }
  return pairs;
}

function pair(given, data, filterPlace, place) {
  const code = place === null ? BigInt(given.input_zero_point) : data.input.at(place);
  return { filterPlace, place, code, weight: data.weights.at(filterPlace), filterText: filterPlace, placeText: place };
}

function pairsOfFullyConnected(given, data, [row, , , unit]) {
  const depth = data.weights.shape[3];
  return Array.from({ length: depth }, (_, k) => {
    const filterPlace = [unit, 0, 0, k], place = [row, 0, 0, k];
    const [code, weight] = [data.input.at(place), data.weights.at(filterPlace)];
    return { filterPlace, place, code, weight, filterText: [unit, k], placeText: [row, k] };
  });
}

function listText(place) {
  return `[${place.join(", ")}]`;
}

const PRODUCT_COLUMNS = ["filter at", "input at", "input", "input - zero point", "weight", "weight - zero point", "product"];

function explainProducts(n, given, data, at, pairs) {
  const channel = at[3];
  const [inputZero, filterZero] = [BigInt(given.input_zero_point), BigInt(given.filter_zero_point)];
  const rows = pairs.map((one) => {
    const [left, right] = [one.code - inputZero, one.weight - filterZero];
    const where = one.place === null ? "padding" : listText(one.placeText);
    return [listText(one.filterText), where, one.code, left, one.weight, right, left * right];
  });
  const title = `receptive field: ${rows.length} products, zero points ${inputZero} and ${filterZero}`;
  n.table(title, PRODUCT_COLUMNS, rows, pairs.map((one) => one.place));
  const filterScale = data.filterScale(channel);
  const unit = given.input_scale * filterScale;
  const products = rows.map((row) => row[6]);
  const sum = OPERATIONS.sum({ terms: products });
  let total = inInt32(n, n.step("sum of products", "sum", { terms: products }, { real: Number(sum) * unit }));
  if (data.bias) {
    const bias = data.bias.at([0, 0, 0, channel]);
    const real = Number(total + bias) * unit;
    total = inInt32(n, n.step("accumulator", "add", { a: total, b: bias }, { note: "plus the bias", real }));
  }
  n.exact = n.bounded(Number(total) * unit, given.activation_min, given.activation_max);
  explainRequantization(n, given, total, filterScale);
}

function inInt32(n, total) {
  if (total >= LOWEST && total <= HIGHEST) return total;
  return n.step("as int32", "wrap_int32", { x: total }, { note: "the accumulator overflows" });
}

const PAIRS = { CONV_2D: pairsOfConv2D, DEPTHWISE_CONV_2D: pairsOfDepthwise, FULLY_CONNECTED: pairsOfFullyConnected };

function explainWithWeights(n, given, data, at) {
  explainProducts(n, given, data, at, PAIRS[given.kind](given, data, at));
}
