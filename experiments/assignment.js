// Stable assignment of people to variants, equal to experiments/assignment.py. No dependency:
// it works in browsers as `segmentryAssignment`, and in Node with require.
(function (root) {
  "use strict";

  function rotated(value, bits) {
    return (value << bits) | (value >>> (32 - bits));
  }

  const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
  const SINES = Array.from({ length: 64 }, (_, i) =>
    Math.floor(Math.abs(Math.sin(i + 1)) * 4294967296) | 0);

  // The first 32 bits of MD5 (RFC 1321) as an unsigned number, in the order of its hex digits.
  function md5Start(text) {
    const bytes = new TextEncoder().encode(text);
    const words = new Int32Array((((bytes.length + 8) >> 6) + 1) * 16);
    bytes.forEach((byte, i) => { words[i >> 2] |= byte << ((i % 4) * 8); });
    words[bytes.length >> 2] |= 0x80 << ((bytes.length % 4) * 8);
    words[words.length - 2] = bytes.length * 8;
    let a = 0x67452301, b = 0xefcdab89 | 0, c = 0x98badcfe | 0, d = 0x10325476;
    for (let start = 0; start < words.length; start += 16) {
      const before = [a, b, c, d];
      for (let i = 0; i < 64; i++) {
        const turn = i >> 4;
        let mixed, place;
        if (turn === 0) { mixed = (b & c) | (~b & d); place = i; }
        else if (turn === 1) { mixed = (d & b) | (~d & c); place = (5 * i + 1) % 16; }
        else if (turn === 2) { mixed = b ^ c ^ d; place = (3 * i + 5) % 16; }
        else { mixed = c ^ (b | ~d); place = (7 * i) % 16; }
        const sum = (a + mixed + SINES[i] + words[start + place]) | 0;
        a = d;
        d = c;
        c = b;
        b = (b + rotated(sum, SHIFTS[turn * 4 + (i % 4)])) | 0;
      }
      a = (a + before[0]) | 0;
      b = (b + before[1]) | 0;
      c = (c + before[2]) | 0;
      d = (d + before[3]) | 0;
    }
    return (((a & 0xff) << 24) | ((a & 0xff00) << 8) | ((a >> 8) & 0xff00) | (a >>> 24)) >>> 0;
  }

  function share(text) {
    return (md5Start(text) + 0.5) / 4294967296;
  }

  // weights: an object of variant to weight. Of equal scores the first by name wins.
  function variant(salt, weights, unit) {
    let best = null;
    let lowest = Infinity;
    for (const name of Object.keys(weights).sort()) {
      if (weights[name] <= 0) continue;
      const score = -Math.log(share(`${salt}:${name}:${unit}`)) / weights[name];
      if (score < lowest) { lowest = score; best = name; }
    }
    return best;
  }

  function isWithin(layer, begin, end, unit) {
    const place = share(`layer:${layer}:${unit}`);
    return begin <= place && place < end;
  }

  const made = { share, variant, isWithin };
  if (typeof module === "object" && module.exports) module.exports = made;
  else root.segmentryAssignment = made;
})(typeof self === "undefined" ? this : self);
