// Fields that change scales, zero points and rounding, and set them back.

const ROUNDINGS = { double: "double", single: "single", float64: "float64" };

const FIELDS = [
  ["input_scale", "input scale", "scale"],
  ["input_zero_point", "input zero point", "code"],
  ["input2_scale", "input 2 scale", "scale"],
  ["input2_zero_point", "input 2 zero point", "code"],
  ["filter_scale", "filter scale, this channel", "scale"],
  ["filter_zero_point", "filter zero point", "code"],
  ["beta", "beta", "scale"],
  ["output_scale", "output scale", "scale"],
  ["output_zero_point", "output zero point", "code"],
  ["activation_min", "clamp from", "code"],
  ["activation_max", "clamp to", "code"],
];

const OWN_FIELDS = {
  AVERAGE_POOL_2D: ["activation_min", "activation_max"],
  SOFTMAX: ["input_scale", "beta"],
};

class WhatIf {
  constructor(step, channelOf, onchange) {
    this.step = step;
    this.channelOf = channelOf; // index among the filter scales
    this.onchange = onchange;
    this.changed = {};
    this.inputs = {};
    const fields = FIELDS.filter(([name]) => this.isHere(name)).map(([name, label, kind]) => this.field(name, label, kind));
    this.rounding = this.roundingField();
    this.reset = el("button", { type: "button", id: "reset", onclick: () => this.clear() }, "reset");
    this.wrong = el("p", { class: "note", role: "alert", hidden: true });
    this.element = el(
      "details",
      { class: "card whatif", open: matchMedia("(min-width: 801px)").matches },
      el("summary", {}, "What if: other scales, zero points, rounding"),
      el("div", { class: "fields" }, ...fields, this.rounding ? el("label", {}, "rounding", this.rounding) : null, this.reset),
      this.wrong,
    );
    this.fill();
  }

  isHere(name) {
    const own = OWN_FIELDS[this.step.kind];
    if (own) return own.includes(name);
    return name === "filter_scale" ? Boolean(this.step.filter_scales) : name in this.step;
  }

  field(name, label, kind) {
    const input = el("input", { type: "text", inputmode: kind === "scale" ? "decimal" : "numeric", autocomplete: "off", id: `field-${name}` });
    input.addEventListener("input", () => this.read(name, kind, input));
    this.inputs[name] = input;
    return el("label", {}, label, input);
  }

  roundingField() {
    const options = this.step.kind === "AVERAGE_POOL_2D" ? { "halves away": "halves away", "halves up": "halves up" } : ROUNDINGS;
    if (this.step.kind === "SOFTMAX") return null;
    const select = el("select", { id: "field-rounding" }, ...Object.entries(options).map(([value, text]) => el("option", { value }, text)));
    select.addEventListener("change", () => this.set("rounding", select.value));
    return select;
  }

  original(name) {
    if (name === "filter_scale") return this.step.filter_scales[this.channelOf()];
    if (name === "rounding" && this.step.kind === "AVERAGE_POOL_2D") return this.step.rounds_half_up ? "halves up" : "halves away";
    return this.step[name];
  }

  read(name, kind, input) {
    const value = Number(input.value.trim() || NaN);
    const [low, high] = [this.step.lowest, this.step.highest];
    let wrong = "";
    if (kind === "scale" && !(Math.fround(value) > 0 && Number.isFinite(Math.fround(value)))) wrong = "a scale is a positive number of float32";
    if (kind === "code" && !(Number.isInteger(value) && value >= low && value <= high)) wrong = `a code is an integer from ${low} to ${high}`;
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
    this.wrong.hidden = !wrong;
    this.wrong.textContent = wrong ? `${input.parentElement.firstChild.textContent}: ${wrong}` : "";
    if (!wrong) this.set(name, kind === "scale" ? Math.fround(value) : value);
  }

  set(name, value) {
    if (value === this.original(name)) delete this.changed[name];
    else this.changed[name] = value;
    this.mark();
    this.onchange();
  }

  clear() {
    this.changed = {};
    this.fill();
    this.onchange();
  }

  // After another channel was chosen, and after a reset.
  fill() {
    for (const [name, input] of Object.entries(this.inputs)) {
      const value = this.changed[name] ?? this.original(name);
      input.value = Number.isInteger(value) && !name.endsWith("scale") ? String(value) : showFloat(value);
      input.setAttribute("aria-invalid", "false");
    }
    if (this.rounding) this.rounding.value = this.changed.rounding ?? this.original("rounding");
    this.wrong.hidden = true;
    this.mark();
  }

  mark() {
    for (const [name, input] of Object.entries(this.inputs)) input.classList.toggle("changed", name in this.changed);
    this.rounding?.classList.toggle("changed", "rounding" in this.changed);
    this.reset.disabled = !this.isChanged;
  }

  get isChanged() {
    return Object.keys(this.changed).length > 0;
  }

  // The step's parameters with what was changed.
  get given() {
    const given = { ...this.step, rounding: this.original("rounding"), ...this.changed };
    if ("filter_scale" in this.changed) {
      given.filter_scales = [...this.step.filter_scales];
      given.filter_scales[this.channelOf()] = this.changed.filter_scale;
    }
    return given;
  }
}
