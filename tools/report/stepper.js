// The stepper: maps of input and output, the place, what-if fields, the result, and the steps.

const AXES = ["batch", "row", "column", "channel"];

// What explains the same value; of an example of some data the codes are to be given as a file.
function commandOf(content, operator, own) {
  const { seed } = content.data;
  const input = seed === null ? "--input EXAMPLE.npy" : `--seed ${seed}`;
  const profile = content.stamp.profile === "litert" ? "" : ` --profile ${content.stamp.profile}`;
  return `q31 explain ${content.file} --op ${operator} --at ${own.join(",")} ${input}${profile}`;
}

class Stepper {
  constructor(content, operator, data) {
    this.operator = operator;
    this.step = operator.step;
    this.data = data;
    this.place = data.output.box.map(([start, stop]) => Math.floor((start + stop) / 2));
    this.place[0] = data.output.box[0][0];
    if (this.step.kind === "SOFTMAX") this.place[3] = this.greatest();
    this.command = (own) => commandOf(content, operator.index, own);
    const zero = (name) => this.step[`${name}_zero_point`];
    this.output = new ChannelMap("Output", data.output, zero("output"), (place) => this.pick(place, true));
    this.input = new ChannelMap("Input", data.input, zero("input"));
    this.second = data.input2 && new ChannelMap("Input 2", data.input2, zero("input2"));
    this.places = this.placeFields();
    this.inputChannel = this.inputChannelField();
    this.whatif = new WhatIf(this.step, () => this.place[3] - data.output.box[3][0], () => this.explain());
    this.walk = new Walk((place) => this.point(place));
    this.result = el("div", { class: "result", role: "status" });
    this.commandText = el("code");
    this.element = el(
      "section",
      { class: "stepper", "aria-label": "Step by step" },
      el("h3", {}, "Step by step"),
      this.windowNote(),
      el("p", { class: "quiet small" }, "Click a value of the output, or move with the arrow keys: what it is computed from lights up in the input."),
      el("div", { class: "maps" }, ...[this.input, this.second, this.output].filter(Boolean).map((map) => map.element)),
      el("div", { class: "fields places" }, ...this.places.map((field) => field.label), this.inputChannel?.label ?? null),
      this.whatif.element,
      this.result,
      this.walk.element,
      el("p", { class: "small quiet" }, "The same on the command line: ", this.commandText),
    );
    this.redraw = () => this.maps.forEach((map) => map.draw());
    document.addEventListener("themechange", this.redraw);
  }

  // The channel of the greatest code in the first row.
  greatest() {
    const row = [...this.data.output.values.subarray(0, this.data.output.sizes[3])];
    return this.data.output.box[3][0] + row.indexOf(Math.max(...row));
  }

  get maps() {
    return [this.input, this.second, this.output].filter(Boolean);
  }

  windowNote() {
    if (this.data.output.whole) return null;
    const parts = AXES.map((axis, place) => [axis, this.data.output.box[place], this.data.output.shape[place]])
      .filter(([, [start, stop], size]) => stop - start < size)
      .map(([axis, [start, stop], size]) => `${axis}s ${start} to ${stop - 1} of ${size}`.replace("batchs", "batches"));
    return el("p", { class: "note" }, `Too large to carry whole: this page has ${parts.join(", ")}, with all that they are computed from. q31 explain knows every place.`);
  }

  placeFields() {
    return AXES.map((axis, place) => {
      const [start, stop] = this.data.output.box[place];
      const input = el("input", { type: "number", id: `place-${axis}`, min: start, max: stop - 1, value: this.place[place] });
      input.addEventListener("change", () => {
        const value = Math.round(Number(input.value));
        const wanted = this.place.map((one, other) => (other === place ? Math.min(Math.max(value, start), stop - 1) : one));
        this.pick(wanted, false);
      });
      return { input, label: el("label", { hidden: this.data.output.shape[place] === 1 }, axis, input) };
    });
  }

  inputChannelField() {
    const [start, stop] = this.data.input.box[3];
    if (this.input.folded || !["CONV_2D"].includes(this.step.kind) || stop - start < 2) return null;
    const input = el("input", { type: "number", id: "input-channel", min: start, max: stop - 1, value: start });
    input.addEventListener("input", () => {
      const value = Math.round(Number(input.value));
      if (value >= start && value < stop) this.showInputChannel(value);
    });
    return { input, label: el("label", {}, "input channel shown", input) };
  }

  showInputChannel(channel) {
    this.input.channel = channel;
    if (this.inputChannel) this.inputChannel.input.value = channel;
    this.drawMaps();
  }

  // Choose a place of the output; `focused` where the map has it.
  pick(place, focused) {
    this.place = place;
    this.places.forEach((field, axis) => (field.input.value = place[axis]));
    this.whatif.fill();
    const field = receptiveField(this.step, this.data, place);
    if (field[3][1] - field[3][0] === 1) this.input.channel = field[3][0];
    else if (this.input.channel < field[3][0] || this.input.channel >= field[3][1]) this.input.channel = field[3][0];
    if (this.inputChannel) this.inputChannel.input.value = this.input.channel;
    if (this.second) this.second.channel = place[3];
    this.explain();
    this.drawMaps();
    const own = ownPlace(this.step, place, this.data.output.shape);
    history.replaceState(null, "", `#operator-${this.operator.index}@${own.join(",")}`);
    this.commandText.textContent = this.command(own);
    if (focused) this.output.canvas.focus({ preventScroll: true });
  }

  // Choose a place by its index in the output's own shape; the one in the middle where the page has not got it.
  pickOwn(own) {
    const place = own && this.fromOwn(own);
    this.pick(place && this.data.output.has(place) ? place : this.place, false);
  }

  fromOwn(own) {
    if (own.length !== this.step.output_shape.length) return null;
    let flat = own.reduce((index, one, axis) => index * this.step.output_shape[axis] + one, 0);
    const place = [0, 0, 0, 0];
    for (let axis = 3; axis >= 0; axis--) {
      place[axis] = flat % this.data.output.shape[axis];
      flat = Math.floor(flat / this.data.output.shape[axis]);
    }
    return place;
  }

  drawMaps() {
    const field = receptiveField(this.step, this.data, this.place);
    const { output, input } = this;
    output.batch = input.batch = this.place[0];
    output.channel = this.place[3];
    output.selected = this.place;
    if (input.folded) input.field = field[3][1] - field[3][0] === 1 ? this.foldedField(field) : { row: 0, column: 0, rows: input.rows, columns: input.columns };
    else input.field = this.imageField(field);
    if (this.second) Object.assign(this.second, { batch: this.place[0], field: input.folded ? this.foldedField(field) : input.field });
    const folded = (map) => (map.folded ? "" : `, channel ${map.channel}`);
    for (const map of this.maps) {
      map.caption(`${map.name} ${shapeText(map.piece.shape)}${folded(map)}`);
      map.draw();
    }
  }

  foldedField(field) {
    const [row, column] = this.input.cellOf(field.map(([start]) => start));
    return { row, column, rows: 1, columns: 1 };
  }

  // Rows and columns of the field, with those beyond the image where there is room around it.
  imageField(field) {
    let [rows, columns] = [field[1], field[2]];
    const window = this.step.window;
    if (window && this.data.input.whole) {
      const top = this.place[1] * window.stride_height - window.padding_top;
      const left = this.place[2] * window.stride_width - window.padding_left;
      const reach = (taps, dilation) => (taps - 1) * dilation + 1;
      rows = [top, top + reach(window.filter_height, window.dilation_height ?? 1)];
      columns = [left, left + reach(window.filter_width, window.dilation_width ?? 1)];
      this.input.padding = [window.padding_top, window.padding_right, window.padding_bottom, window.padding_left];
    }
    const [row, column] = this.input.cellOf([0, rows[0], columns[0], 0]);
    return { row, column, rows: rows[1] - rows[0], columns: columns[1] - columns[0] };
  }

  point(place) {
    this.input.pointed = place;
    if (place && !this.input.folded && this.inputChannel) this.showInputChannel(place[3]);
    else this.input.draw();
  }

  explain() {
    const narration = explain(this.whatif.given, this.data, this.place);
    this.walk.show(narration.parts);
    this.showResult(narration);
  }

  showResult(n) {
    const code = this.data.output.at(this.place);
    const steps = n.exact === null ? null : (n.value - n.exact) / n.scale;
    const lines = [
      el("div", { class: "code-result" }, `= ${n.result}`),
      el("div", {}, `stands for ${short(n.value, 9)}${n.exact === null ? "" : `; in real numbers ${short(n.exact, 9)}, error ${short(n.value - n.exact, 3)} (${steps.toFixed(3)} steps of the output)`}`),
      this.verdict(n, code),
    ];
    Object.assign(this.result.dataset, { result: String(n.result), run: String(code), exact: n.exact === null ? "" : String(n.exact) });
    this.result.replaceChildren(...lines);
  }

  verdict(n, code) {
    if (this.whatif.isChanged) {
      const difference = n.result - code;
      const text = difference === 0n ? `as changed: the run's code, ${code}, too` : `as changed; the run's code is ${code}: ${difference > 0n ? "+" : ""}${difference}`;
      return el("div", {}, el("span", { class: "badge steps" }, text));
    }
    if (n.result === code) return el("div", {}, el("span", { class: "badge good" }, `✓ the code that q31 computed: ${code}`));
    return el("div", {}, el("span", { class: "badge bad" }, `q31 computed ${code}: a defect of this page`));
  }

  close() {
    document.removeEventListener("themechange", this.redraw);
    this.maps.forEach((map) => map.close());
  }
}
