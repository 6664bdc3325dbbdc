// A channel of a tensor as a picture of cells; what has no height and width is folded into rows.

function cssColour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

function mix(one, other, share) {
  return `rgb(${one.map((part, place) => Math.round(part + (other[place] - part) * share)).join(",")})`;
}

class ChannelMap {
  constructor(title, piece, zeroPoint, onpick = null) {
    this.piece = piece;
    this.zeroPoint = zeroPoint;
    this.onpick = onpick;
    this.batch = 0;
    this.channel = piece.box[3][0];
    this.folded = piece.shape[1] === 1 && piece.shape[2] === 1;
    this.padding = [0, 0, 0, 0]; // cells beyond the image: top, right, bottom, left
    this.canvas = el("canvas", onpick ? { tabindex: "0", role: "application", "aria-roledescription": "map of values" } : { role: "img" });
    this.title = el("figcaption", {}, title);
    this.element = el("figure", { class: "map" }, this.title, this.canvas);
    this.name = title;
    this.field = this.selected = this.pointed = null;
    if (onpick) {
      this.canvas.addEventListener("click", (event) => this.click(event));
      this.canvas.addEventListener("keydown", (event) => this.key(event));
    }
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.element);
  }

  get rows() {
    return this.folded ? Math.ceil(this.piece.sizes[3] / this.columns) : this.piece.sizes[1] + this.padding[0] + this.padding[2];
  }

  get columns() {
    return this.folded ? Math.ceil(Math.sqrt(this.piece.sizes[3])) : this.piece.sizes[2] + this.padding[1] + this.padding[3];
  }

  // The place of a cell; null where there is none.
  placeOf(row, column) {
    const [, rows, columns, channels] = this.piece.box;
    let place;
    if (this.folded) place = [this.batch, 0, 0, channels[0] + row * this.columns + column];
    else place = [this.batch, rows[0] + row - this.padding[0], columns[0] + column - this.padding[3], this.channel];
    return this.piece.has(place) ? place : null;
  }

  cellOf(place) {
    if (!this.folded) return [place[1] - this.piece.box[1][0] + this.padding[0], place[2] - this.piece.box[2][0] + this.padding[3]];
    const index = place[3] - this.piece.box[3][0];
    return [Math.floor(index / this.columns), index % this.columns];
  }

  draw() {
    const width = this.element.clientWidth;
    if (!width) return;
    const size = Math.max(1, Math.min(this.folded ? 22 : 26, Math.floor(width / this.columns), Math.floor(520 / this.rows)));
    const dense = window.devicePixelRatio || 1;
    const [wide, high] = [size * this.columns, size * this.rows];
    Object.assign(this.canvas, { width: wide * dense, height: high * dense });
    Object.assign(this.canvas.style, { width: `${wide}px`, height: `${high}px` });
    this.size = size;
    this.canvas.dataset.cell = size;
    const pen = this.canvas.getContext("2d");
    pen.scale(dense, dense);
    this.drawCells(pen);
    this.drawMarks(pen);
    this.canvas.setAttribute("aria-label", this.label());
  }

  drawCells(pen) {
    const [ground, above, below] = [cssColour("--map-zero"), cssColour("--map-above"), cssColour("--map-below")];
    const cells = [];
    let most = 1;
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        const place = this.placeOf(row, column);
        const difference = place === null ? null : this.piece.number(place) - this.zeroPoint;
        if (difference !== null) most = Math.max(most, Math.abs(difference));
        cells.push([row, column, difference]);
      }
    }
    const gap = this.size > 5 ? 1 : 0;
    for (const [row, column, difference] of cells) {
      if (difference === null) {
        if (this.folded) continue;
        pen.fillStyle = mix(ground, below, 0.12);
        pen.fillRect(column * this.size + this.size / 3, row * this.size + this.size / 3, this.size / 3, this.size / 3);
        continue;
      }
      pen.fillStyle = mix(ground, difference < 0 ? below : above, Math.sqrt(Math.abs(difference) / most));
      pen.fillRect(column * this.size, row * this.size, this.size - gap, this.size - gap);
    }
  }

  drawMarks(pen) {
    const outline = (row, column, rows, columns, colour, width) => {
      pen.lineWidth = width + 2;
      for (const style of [getComputedStyle(document.documentElement).getPropertyValue("--panel"), colour]) {
        pen.strokeStyle = style;
        pen.strokeRect(column * this.size, row * this.size, columns * this.size, rows * this.size);
        pen.lineWidth = width;
      }
    };
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
    if (this.field) {
      const { row, column, rows, columns } = this.field;
      pen.fillStyle = colour("--veil");
      pen.beginPath();
      pen.rect(0, 0, this.columns * this.size, this.rows * this.size);
      pen.rect(column * this.size, row * this.size, columns * this.size, rows * this.size);
      pen.fill("evenodd");
      outline(row, column, rows, columns, colour("--field"), 2);
    }
    for (const [place, name] of [[this.selected, "--mark"], [this.pointed, "--mark"]]) {
      if (place) outline(...this.cellOf(place), 1, 1, colour(name), 2);
    }
  }

  label() {
    const channel = this.folded ? "" : `, channel ${this.channel}`;
    const keys = this.onpick ? `; arrow keys move${this.folded ? "" : ", Page Up and Page Down change the channel"}` : "";
    const selected = this.selected ? `; code ${this.piece.number(this.selected)} is selected` : "";
    return `${this.name}${channel}${selected}${keys}`;
  }

  caption(text) {
    this.title.textContent = text;
  }

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    return [Math.floor((event.clientY - box.top) / this.size), Math.floor((event.clientX - box.left) / this.size)];
  }

  click(event) {
    const place = this.placeOf(...this.cellAt(event));
    if (place) this.onpick(place);
  }

  hover(event) {
    const place = this.placeOf(...this.cellAt(event));
    this.canvas.title = place ? `[${place.join(", ")}]: ${this.piece.number(place)}` : "";
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const channels = { PageUp: 1, PageDown: -1 };
    let place = null;
    if (event.key in moves) {
      const [row, column] = this.cellOf(this.selected);
      const [down, right] = moves[event.key];
      if (this.folded) place = [this.batch, 0, 0, this.selected[3] + down * this.columns + right];
      else place = this.placeOf(row + down, column + right);
    } else if (event.key in channels && !this.folded) {
      place = [...this.selected.slice(0, 3), this.selected[3] + channels[event.key]];
    } else return;
    event.preventDefault();
    if (place && this.piece.has(place)) this.onpick(place);
  }

  close() {
    this.resizing.disconnect();
  }
}
