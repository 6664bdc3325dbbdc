// The steps of a value, all at once or one after the other.

const ROWS = 40;

function resultText(x) {
  if (Array.isArray(x)) return x.map(resultText).join(" ");
  return typeof x === "bigint" ? String(x) : Number.isFinite(x) ? String(x) : showFloat(x);
}

class Walk {
  constructor(onpoint) {
    this.onpoint = onpoint; // called with a place of the input, or null
    this.until = null; // how many parts are shown; null is all
    this.parts = [];
    const button = (text, label, action) => el("button", { type: "button", "aria-label": label, onclick: action }, text);
    this.first = button("First", "From the first step", () => this.go(1));
    this.back = button("◀ Back", "One step back", () => this.go((this.until ?? this.parts.length) - 1));
    this.next = button("Step ▶", "Next step", () => this.go(this.until === null ? 1 : this.until + 1));
    this.all = button("All", "All steps", () => this.go(null));
    this.status = el("span", { class: "quiet", role: "status" });
    this.list = el("ol", { class: "walk-steps" });
    this.element = el("div", {}, el("div", { class: "walk" }, this.first, this.back, this.next, this.all, this.status), this.list);
  }

  show(parts) {
    this.parts = parts;
    if (this.until !== null) this.until = Math.min(this.until, parts.length);
    this.list.replaceChildren(...parts.map((part) => (part.table ? this.tableItem(part) : this.stepItem(part))));
    this.mark(false);
  }

  go(until) {
    this.until = until === null ? null : Math.min(Math.max(until, 1), this.parts.length);
    this.mark(true);
  }

  mark(scrolls) {
    const items = [...this.list.children];
    items.forEach((item, place) => {
      item.hidden = this.until !== null && place >= this.until;
      item.classList.toggle("current", place === this.until - 1);
    });
    this.back.disabled = this.until === 1;
    this.next.disabled = this.until === items.length;
    this.status.textContent = this.until === null ? `${items.length} steps` : `step ${this.until} of ${items.length}`;
    if (scrolls && this.until !== null) items[this.until - 1].scrollIntoView({ block: "nearest" });
  }

  stepItem(step) {
    return el(
      "li",
      { class: "step", "data-name": step.name, "data-operation": step.operation, "data-result": resultText(step.result), "data-real": step.real === null ? "" : String(step.real) },
      el("div", { class: "step-name" }, step.name, step.real === null ? null : el("span", { class: "real", title: "as a real number" }, short(step.real, 7))),
      el("div", { class: "step-text code" }, step.text),
      step.note ? el("div", { class: "step-note" }, step.note) : null,
    );
  }

  tableItem(part) {
    const body = el("tbody");
    const add = (start, stop) => body.append(...part.rows.slice(start, stop).map((row, place) => this.row(row, part.places?.[start + place])));
    add(0, ROWS);
    const more = part.rows.length > ROWS && el("button", { type: "button", class: "more" }, `show all ${count(part.rows.length)} rows`);
    if (more) {
      more.addEventListener("click", () => {
        add(ROWS, part.rows.length);
        more.remove();
      });
    }
    const head = el("tr", {}, ...part.columns.map((column) => el("th", { scope: "col" }, column)));
    const table = el("table", { class: "operands" }, el("thead", {}, head), body);
    table.addEventListener("pointerleave", () => this.onpoint(null));
    const scroll = el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": part.table }, table);
    return el("li", { class: "step table", "data-name": part.table }, el("div", { class: "step-name" }, part.table), scroll, more || null);
  }

  row(row, place) {
    const element = el("tr", {}, ...row.map((cell) => el("td", {}, show(cell))));
    if (place !== undefined) element.addEventListener("pointerenter", () => this.onpoint(place));
    return element;
  }
}
