// Putting the page together, and going from place to place by the address's fragment.

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
}

const systemTheme = matchMedia("(prefers-color-scheme: dark)");
applyTheme(systemTheme.matches ? "dark" : "light");
systemTheme.addEventListener("change", () => applyTheme(systemTheme.matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => applyTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

function fillHeader(content) {
  const time = content.operators.reduce((sum, one) => sum + (one.microseconds ?? 0), 0);
  const parts = [
    `${content.operators.length} operators`,
    `${bytes(content.bytes)}, of which weights ${bytes(content.weights_bytes)}`,
    `activations ${bytes(content.arena_bytes)}`,
  ];
  if (time) parts.push(`${(time / 1e3).toFixed(3)} ms, operator by operator`);
  byId("facts").textContent = parts.join(" · ");
  const stamp = Object.entries(content.stamp).filter(([, value]) => value !== null);
  byId("stamp").lastElementChild.replaceWith(definitions(stamp.map(([name, value]) => [name, String(value)])));
}

class Page {
  constructor(content) {
    this.content = content;
    fillHeader(content);
    this.list = new List(content, (target) => this.go(target));
    addEventListener("hashchange", () => this.show());
    this.show();
  }

  go(target) {
    if (location.hash === `#${target}`) this.show();
    else location.hash = target;
  }

  show() {
    const [, kind, index, at] = location.hash.match(/^#(operator|tensor)-(\d+)(?:@([\d,]+))?$/) ?? [];
    const one = kind && this.content[`${kind}s`][Number(index)];
    document.body.classList.toggle("reading", Boolean(one) || location.hash === "#overview");
    this.stepper?.close();
    this.stepper = null;
    this.list.mark(one ? `${kind}-${index}` : "");
    const details = byId("details");
    details.replaceChildren(this.back(), ...(one ? this.parts(kind, one) : overview(this.content)));
    if (kind === "operator" && one?.step) this.openStepper(one, at);
    if (one) {
      details.scrollIntoView({ block: "start" });
      details.focus({ preventScroll: true });
    }
  }

  parts(kind, one) {
    if (kind === "tensor") return tensorDetails(this.content, one);
    const { before, after } = operatorDetails(this.content, one);
    return [...before, el("div", { id: "stepper" }), ...after];
  }

  // The stepper comes when its numbers are unpacked, unless something else is shown by then.
  async openStepper(operator, at) {
    const place = byId("stepper");
    place.textContent = "Unpacking the numbers…";
    const data = await operandsOf(operator.step);
    if (!place.isConnected) return;
    this.stepper = new Stepper(this.content, operator, data);
    place.replaceChildren(this.stepper.element);
    this.stepper.pickOwn(at ? at.split(",").map(Number) : null);
    document.body.dataset.stepper = String(operator.index);
  }

  back() {
    return el("a", { id: "back", href: "#" }, "‹ all operators and tensors");
  }
}

new Page(await readContent());
document.body.dataset.ready = "true";
