// The operands of an operator, and its value at a place explained.

class Piece {
  constructor(piece, values) {
    this.shape = piece.shape;
    this.box = piece.box;
    this.whole = piece.whole;
    this.values = values;
    this.sizes = piece.box.map(([start, stop]) => stop - start);
  }

  has(place) {
    return place.every((one, axis) => one >= this.box[axis][0] && one < this.box[axis][1]);
  }

  number(place) {
    let index = 0;
    for (let axis = 0; axis < 4; axis++) index = index * this.sizes[axis] + place[axis] - this.box[axis][0];
    return this.values[index];
  }

  at(place) {
    return BigInt(this.number(place));
  }
}

async function operandsOf(step) {
  const names = Object.keys(step.pieces);
  const arrays = await Promise.all(names.map((name) => arrayOf(step.pieces[name])));
  const data = Object.fromEntries(names.map((name, place) => [name, new Piece(step.pieces[name], arrays[place])]));
  return data;
}

// What a place of the output is in the output's own shape.
function ownPlace(step, place, shape) {
  let flat = place.reduce((index, one, axis) => index * shape[axis] + one, 0);
  return step.output_shape.map((_, axis) => {
    const rest = step.output_shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const own = Math.floor(flat / rest);
    flat %= rest;
    return own;
  });
}

const EXPLAINERS = {
  CONV_2D: explainWithWeights,
  DEPTHWISE_CONV_2D: explainWithWeights,
  FULLY_CONNECTED: explainWithWeights,
  ADD: explainAdd,
  AVERAGE_POOL_2D: explainAveragePool,
  SOFTMAX: explainSoftmax,
};

// `given` are the step's parameters, some of them perhaps changed.
function explain(given, data, place) {
  const narration = new Narration(given.output_scale, given.output_zero_point, given.dtype);
  const first = data.output.box[3][0];
  const filterScale = (channel) => given.filter_scales[channel - first];
  EXPLAINERS[given.kind](narration, given, { ...data, filterScale }, place);
  return narration;
}

// The places of the input that a value is computed from, as a box of rows, columns and channels.
function receptiveField(given, data, [batch, y, x, channel]) {
  const whole = data.input.shape.map((size) => [0, size]);
  whole[0] = [batch, batch + 1];
  if (given.kind === "ADD") return [[batch, batch + 1], [y, y + 1], [x, x + 1], [channel, channel + 1]];
  if (!given.window) return whole;
  const inside = [...taps(given.window, y, x)].filter((tap) => tap.inside);
  const rows = inside.map((tap) => tap.sourceY), columns = inside.map((tap) => tap.sourceX);
  if (inside.length) {
    whole[1] = [Math.min(...rows), Math.max(...rows) + 1];
    whole[2] = [Math.min(...columns), Math.max(...columns) + 1];
  }
  if (given.kind === "DEPTHWISE_CONV_2D") {
    const source = Math.floor(channel / given.depth_multiplier);
    whole[3] = [source, source + 1];
  } else if (given.kind === "AVERAGE_POOL_2D") whole[3] = [channel, channel + 1];
  else if (given.groups > 1) {
    const depth = data.weights.shape[3];
    const source = Math.floor(channel / (data.weights.shape[0] / given.groups)) * depth;
    whole[3] = [source, source + depth];
  }
  return whole;
}
