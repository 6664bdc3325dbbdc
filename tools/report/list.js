// The list: operators or tensors, searched by name, type and shape.

const ORDERS = {
  operators: {
    "in order": (one) => one.index,
    "lowest SQNR": (one) => one.errors?.sqnr_db ?? Infinity,
    "longest time": (one) => -(one.microseconds ?? 0),
    "most MACs": (one) => -one.macs,
  },
  tensors: {
    "in order": (one) => one.index,
    "most at the ends": (one) => -endsShare(one),
    "largest": (one) => -(one.shape ?? []).reduce((a, b) => a * b, 1),
  },
};

function endsShare(tensor) {
  const found = tensor.histogram;
  if (!found?.codes) return 0;
  return (found.at_low + found.at_high) / found.counts.reduce((a, b) => a + b, 0);
}

function typeAndShape(tensor) {
  return `${tensor.type}${shapeText(tensor.shape)}`;
}

class List {
  constructor(content, open) {
    this.content = content;
    this.open = open;
    this.which = "operators";
    this.current = "";
    for (const which of ["operators", "tensors"]) byId("tabs").append(this.tab(which));
    byId("search").addEventListener("input", () => this.fill());
    byId("kind").addEventListener("change", () => this.fill());
    byId("order").addEventListener("change", () => this.fill());
    byId("list").addEventListener("keydown", (event) => this.move(event));
    this.choose("operators");
  }

  tab(which) {
    const text = `${which[0].toUpperCase()}${which.slice(1)} (${this.content[which].length})`;
    return el("button", { type: "button", id: `tab-${which}`, onclick: () => this.choose(which) }, text);
  }

  choose(which) {
    this.which = which;
    for (const button of byId("tabs").children) button.setAttribute("aria-pressed", String(button.id === `tab-${which}`));
    const kinds = [...new Set(this.content[which].map((one) => this.kindOf(one)))].sort();
    byId("kind").replaceChildren(el("option", { value: "" }, "every type"), ...kinds.map((kind) => el("option", {}, kind)));
    const orders = Object.keys(ORDERS[which]).filter((name) => this.isKnown(name));
    byId("order").replaceChildren(...orders.map((name) => el("option", {}, name)));
    this.fill();
  }

  isKnown(order) {
    if (order === "lowest SQNR") return this.content.debugging !== null;
    return order !== "longest time" || this.content.operators.some((one) => one.microseconds !== null);
  }

  kindOf(one) {
    return this.which === "operators" ? one.name : one.type;
  }

  wordsOf(one) {
    if (this.which === "tensors") return `${one.index} ${one.name} ${typeAndShape(one)}`;
    const tensors = [...one.inputs, ...one.outputs].filter((index) => index >= 0).map((index) => this.content.tensors[index]);
    return `${one.index} ${one.name} ${tensors.map((tensor) => `${tensor.name} ${typeAndShape(tensor)}`).join(" ")}`;
  }

  fill() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = byId("kind").value;
    const key = ORDERS[this.which][byId("order").value];
    const all = this.content[this.which];
    const found = all.filter((one) => {
      if (kind && this.kindOf(one) !== kind) return false;
      const text = this.wordsOf(one).toLowerCase();
      const packed = text.replaceAll(" ", "");
      return words.every((word) => text.includes(word) || packed.includes(word));
    });
    found.sort((a, b) => key(a) - key(b) || a.index - b.index);
    byId("list").replaceChildren(...found.map((one) => el("li", {}, this.item(one))));
    byId("found").textContent = found.length === all.length ? "" : `${found.length} of ${all.length}`;
    this.mark(this.current);
  }

  item(one) {
    const target = `${this.which === "operators" ? "operator" : "tensor"}-${one.index}`;
    const parts = this.which === "operators" ? this.operatorParts(one) : this.tensorParts(one);
    const [title, badge, under] = parts;
    return el(
      "button",
      { type: "button", "data-target": target, onclick: () => this.open(target) },
      el("span", { class: "place" }, String(one.index)),
      el("span", { class: "title" }, title),
      badge,
      el("span", { class: "under" }, under),
    );
  }

  operatorParts(one) {
    const output = this.content.tensors[one.outputs[0]];
    const parts = [output ? typeAndShape(output) : ""];
    if (one.errors?.sqnr_db != null) parts.push(`${one.errors.sqnr_db.toFixed(1)} dB`);
    if (one.microseconds !== null) parts.push(`${short(one.microseconds, 3)} µs`);
    const badge = one.step ? el("span", { class: "badge steps", title: "Its values can be stepped through" }, "steps") : null;
    return [one.name, badge, parts.join(" · ")];
  }

  tensorParts(one) {
    const share = endsShare(one);
    const badge = !one.constant && share > 0.001 ? el("span", { class: "badge bad" }, `${(100 * share).toFixed(1)} % at ends`) : null;
    return [one.name || "(no name)", badge, `${typeAndShape(one)}${one.constant ? " · constant" : ""}`];
  }

  mark(target) {
    this.current = target;
    for (const button of byId("list").querySelectorAll("button")) {
      button.setAttribute("aria-current", String(button.dataset.target === target));
    }
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...byId("list").querySelectorAll("button")];
    const place = buttons.indexOf(document.activeElement);
    if (place < 0) return;
    event.preventDefault();
    buttons[Math.min(Math.max(place + step, 0), buttons.length - 1)].focus();
  }
}
