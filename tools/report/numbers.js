// Numbers as text: integers in full, floats as short as they can be read back, of float32 as a float32.

const COUNT = new Intl.NumberFormat("en");

function count(n) {
  return COUNT.format(n);
}

function bytes(n) {
  if (n < 10000) return `${count(n)} bytes`;
  return n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(2)} MB`;
}

function short(x, digits = 4) {
  if (x === null || x === undefined) return "-";
  return Number(x.toPrecision(digits)).toString();
}

function percent(part, whole) {
  const share = (100 * part) / whole;
  if (part === 0) return "0 %";
  return share < 0.01 ? "< 0.01 %" : `${share.toFixed(share < 1 ? 2 : 1)} %`;
}

function shapeText(shape) {
  return shape === null ? "[?]" : `[${shape.join(", ")}]`;
}

// Python's repr of a float: positional from 1e-4 to below 1e16, otherwise with an exponent of two digits at least.
function pythonFloat(digits, exponent, negative) {
  const sign = negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    const power = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${power}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const padded = digits.padEnd(exponent + 1, "0");
  return `${sign}${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1) || "0"}`;
}

function digitsOf(text) {
  const [mantissa, exponent] = text.split("e");
  return [mantissa.replace("-", "").replace(".", "").replace(/0+$/, "") || "0", Number(exponent)];
}

function showFloat(x) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  const negative = x < 0 || Object.is(x, -0);
  if (x === 0) return negative ? "-0.0" : "0.0";
  let text = x.toExponential();
  if (Math.fround(x) === x) {
    for (let places = 0; places < 9; places++) {
      text = x.toExponential(places);
      if (Math.fround(Number(text)) === x) break;
    }
  }
  return pythonFloat(...digitsOf(text), negative);
}

const LISTED = 6;

function show(x) {
  if (Array.isArray(x)) {
    const shown = x.slice(0, LISTED).map(show).join(", ");
    return x.length > LISTED ? `[${shown}, ... ${x.length} in all]` : `[${shown}]`;
  }
  return typeof x === "number" ? showFloat(x) : String(x);
}
