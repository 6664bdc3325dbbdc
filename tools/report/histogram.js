// A tensor's histogram against the range of its type; what is at the ends, and may have been saturated, is marked.

const WIDE = 320, HIGH = 84, FOOT = 14;

function grouped(counts, bars) {
  const size = Math.ceil(counts.length / bars);
  const sums = [];
  for (let i = 0; i < counts.length; i += size) sums.push(counts.slice(i, i + size).reduce((a, b) => a + b, 0));
  return sums;
}

function histogram(tensor) {
  const found = tensor.histogram;
  if (!found) return null;
  const bars = grouped(found.counts, 64);
  const most = Math.log1p(Math.max(...bars));
  const width = WIDE / bars.length;
  const total = found.counts.reduce((a, b) => a + b, 0);
  const drawing = svg("svg", { class: "histogram", viewBox: `0 0 ${WIDE} ${HIGH + FOOT}`, role: "img" });
  bars.forEach((bar, place) => {
    if (!bar) return;
    const height = Math.max(1, (Math.log1p(bar) / most) * (HIGH - 4));
    drawing.append(svg("rect", { x: place * width, y: HIGH - height, width: Math.max(width - 0.6, 0.5), height }));
  });
  if (found.codes && !tensor.constant) markEnds(drawing, found, most);
  drawing.append(svg("line", { x1: 0, x2: WIDE, y1: HIGH + 0.5, y2: HIGH + 0.5 }));
  const zero = tensor.zero_points.length === 1 ? tensor.zero_points[0] : null;
  if (found.codes && zero !== null) {
    const x = ((zero - found.from + 0.5) / (found.to - found.from + 1)) * WIDE;
    drawing.append(svg("line", { class: "zero", x1: x, x2: x, y1: 0, y2: HIGH }));
  }
  drawing.append(svg("text", { x: 0, y: HIGH + FOOT - 2 }, short(found.from)));
  drawing.append(svg("text", { x: WIDE, y: HIGH + FOOT - 2, "text-anchor": "end" }, short(found.to)));
  const caption = histogramCaption(found, total, zero);
  drawing.append(svg("title", {}, caption));
  return el("figure", {}, drawing, el("figcaption", {}, caption));
}

function markEnds(drawing, found, most) {
  for (const [number, x] of [[found.at_low, 0], [found.at_high, WIDE - 5]]) {
    if (!number) continue;
    const height = Math.max(2, Math.min(1, Math.log1p(number) / most) * (HIGH - 4));
    drawing.append(svg("rect", { class: "end", x, y: HIGH - height, width: 5, height }));
  }
}

function histogramCaption(found, total, zero) {
  if (!found.codes) return `${count(total)} values from ${short(found.min)} to ${short(found.max)}; logarithmic`;
  const ends = found.at_low + found.at_high;
  const at = ends
    ? `at ${found.from}: ${percent(found.at_low, total)}, at ${found.to}: ${percent(found.at_high, total)}`
    : "none at the ends";
  return `${count(total)} codes from ${found.min} to ${found.max}; ${at}${zero === null ? "" : `; zero point ${zero}`}; logarithmic`;
}
