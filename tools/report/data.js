// What the page carries: deflated bytes in base64, unpacked when they are needed.

async function unpack(name) {
  const element = document.getElementById(`data-${name}`);
  const packed = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int32: Int32Array };
const unpacked = new Map();

async function arrayOf(piece) {
  if (!unpacked.has(piece.array)) unpacked.set(piece.array, new ARRAYS[piece.dtype](await unpack(piece.array)));
  return unpacked.get(piece.array);
}

async function readContent() {
  return JSON.parse(new TextDecoder().decode(await unpack("content")));
}
