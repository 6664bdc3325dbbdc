// The details of the model, of an operator, of a tensor.

function overview(content) {
  const operators = content.operators;
  const total = operators.reduce((sum, one) => sum + (one.microseconds ?? 0), 0);
  const timed = operators.some((one) => one.microseconds !== null);
  const head = ["", "operator", "output", "MMAC", ...(timed ? ["µs", "share"] : []), ...(content.debugging ? ["SQNR dB", "local dB", "max error"] : []), "bits"];
  const rows = operators.map((one) => {
    const output = content.tensors[one.outputs[0]];
    const cells = [String(one.index), null, output ? typeAndShape(output) : "", one.macs ? (one.macs / 1e6).toFixed(2) : ""];
    if (timed) cells.push(one.microseconds === null ? "" : one.microseconds.toFixed(1), one.microseconds === null ? "" : percent(one.microseconds, total));
    if (content.debugging) cells.push(decibels(one.errors, "sqnr_db"), decibels(one.errors, "local_sqnr_db"), one.errors ? short(one.errors.max_abs_error) : "");
    cells.push(one.bits ? `${one.bits.observed_bits} (${one.bits.worst_bits})` : "");
    return el("tr", {}, ...cells.map((cell, place) => el("td", {}, place === 1 ? link(`operator-${one.index}`, one.name) : cell)));
  });
  return [
    el("h2", {}, "The model"),
    el("p", { class: "quiet" }, dataText(content)),
    ...(content.debugging?.notes ?? []).map((note) => el("p", { class: "note" }, note)),
    el("h3", {}, "Operators"),
    el("div", { class: "scroll" }, el("table", { class: "overview" }, el("thead", {}, el("tr", {}, ...head.map((text) => el("th", {}, text)))), el("tbody", {}, ...rows))),
    el("p", { class: "quiet small" }, "bits: what a signed accumulator needs on the example shown, and at worst on any input. " + (content.debugging ? "SQNR: signal to quantization noise against the float model; local: of the operator alone." : "")),
  ];
}

function dataText(content) {
  const { source, examples, example, seed } = content.data;
  if (!source) return `On random input (seed ${seed}). With --data the histograms show what the model meets in use.`;
  const many = examples === 1 ? "1 example" : `${count(examples)} examples`;
  return `On ${many} of ${source}; values are stepped through in example ${example}.`;
}

function decibels(errors, name) {
  if (!errors) return "";
  if (name === "sqnr_db" && errors.exact) return "exact";
  return errors[name] == null ? "" : errors[name].toFixed(1);
}

function link(target, text) {
  return el("a", { href: `#${target}` }, text);
}

function operatorDetails(content, one) {
  const parts = [
    el("h2", {}, `${one.index} ${one.name}`),
    definitions([
      ["runs", `${one.execution}, version ${one.version}`],
      one.macs ? ["multiplies", `${count(one.macs)} times`] : null,
      one.microseconds !== null ? ["time", `${short(one.microseconds)} µs`] : null,
      one.bits ? ["accumulator", accumulatorText(one.bits)] : null,
      one.errors ? ["error", errorText(one.errors)] : null,
      Object.keys(one.options).length ? ["options", optionsText(one.options)] : null,
      one.quirks.length ? ["defects reproduced", one.quirks.join(", ")] : null,
    ]),
  ];
  const reason = one.reason && el("p", { class: "quiet" }, `Not stepped through here: ${one.reason}.`);
  const tensors = (indices) => indices.filter((index) => index >= 0).map((index) => tensorCard(content.tensors[index], content));
  return {
    before: parts,
    after: [
      reason || null,
      el("h3", {}, "Inputs"),
      el("div", { class: "cards" }, ...tensors(one.inputs)),
      el("h3", {}, "Outputs"),
      el("div", { class: "cards" }, ...tensors(one.outputs)),
    ].filter(Boolean),
  };
}

function accumulatorText(bits) {
  return `${bits.accumulator}; here from ${count(bits.observed[0])} to ${count(bits.observed[1])}, ${bits.observed_bits} bits; at worst ${bits.worst_bits} bits`;
}

function errorText(errors) {
  const parts = [errors.exact ? "no error" : `SQNR ${decibels(errors, "sqnr_db") || "-"} dB`, `greatest ${short(errors.max_abs_error)}`];
  if (errors.rmse_over_scale !== null) parts.push(`root mean square ${errors.rmse_over_scale.toFixed(3)} steps`);
  if (errors.local_sqnr_db !== null) parts.push(`of the operator alone ${errors.local_sqnr_db.toFixed(1)} dB`);
  if (errors.weights_sqnr_db !== null) parts.push(`of its weights ${errors.weights_sqnr_db.toFixed(1)} dB`);
  return parts.join("; ");
}

const UNTOLD = ["pot_scale_int16", "quantized_bias_type"]; // of other types of tensors

function optionsText(options) {
  return Object.entries(options).filter(([name]) => !UNTOLD.includes(name)).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
}

function quantizationPairs(tensor) {
  const { scales, zero_points: zeros } = tensor;
  if (!scales.length) return [];
  if (scales.length === 1) return [["scale", showFloat(scales[0])], ["zero point", String(zeros[0] ?? 0)]];
  const low = Math.min(...scales), high = Math.max(...scales);
  const points = [...new Set(zeros)].join(", ");
  return [["scales", `${scales.length} along dimension ${tensor.dimension}, ${short(low)} to ${short(high)}`], ["zero points", points]];
}

function tensorCard(tensor, content) {
  return el(
    "div",
    { class: "card" },
    el("h4", {}, link(`tensor-${tensor.index}`, tensor.name || "(no name)")),
    el("p", { class: "small quiet" }, `tensor ${tensor.index}${tensor.constant ? ", constant" : ""}${tensor.variable ? ", variable" : ""}`),
    definitions([["type", typeAndShape(tensor)], ...quantizationPairs(tensor)]),
    histogram(tensor),
  );
}

function tensorDetails(content, tensor) {
  const makers = content.operators.filter((one) => one.outputs.includes(tensor.index));
  const readers = content.operators.filter((one) => one.inputs.includes(tensor.index));
  const names = (some) => some.map((one) => el("li", {}, link(`operator-${one.index}`, `${one.index} ${one.name}`)));
  const use = (title, some) => (some.length ? [el("h3", {}, title), el("ul", {}, ...names(some))] : []);
  const range = tensor.scales.length === 1 && tensor.histogram?.codes ? realRange(tensor) : null;
  return [
    el("h2", {}, tensor.name || "(no name)"),
    definitions([
      ["tensor", `${tensor.index}${tensor.constant ? ", constant" : ""}${content.inputs.includes(tensor.index) ? ", input of the model" : ""}${content.outputs.includes(tensor.index) ? ", output of the model" : ""}`],
      ["type", typeAndShape(tensor)],
      ...quantizationPairs(tensor),
      range,
    ]),
    el("div", { class: "card" }, histogram(tensor) ?? el("p", { class: "quiet" }, "No histogram: it has no numbers in this run.")),
    ...use("Made by", makers),
    ...use("Read by", readers),
    ...(tensor.scales.length > 1 ? [el("h3", {}, "Scales"), scalesTable(tensor)] : []),
  ];
}

function realRange(tensor) {
  const real = (code) => short((code - (tensor.zero_points[0] ?? 0)) * tensor.scales[0], 5);
  return ["stands for", `${real(tensor.histogram.from)} to ${real(tensor.histogram.to)}`];
}

function scalesTable(tensor) {
  const rows = tensor.scales.map((scale, place) => el("tr", {}, el("td", {}, String(place)), el("td", {}, showFloat(scale)), el("td", {}, String(tensor.zero_points[place] ?? 0))));
  const head = el("tr", {}, el("th", {}, "channel"), el("th", {}, "scale"), el("th", {}, "zero point"));
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}
