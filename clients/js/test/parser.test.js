// The parser reads every golden transcript alike however it is cut, and however its lines end.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { EventStreamParser } from "../stream-chat.js";

const golden = new URL("../../../tests/golden/", import.meta.url);
const transcripts = readdirSync(golden)
  .filter((name) => !/^json_lines|_refused_|_whole/.test(name))
  .map((name) => ({ name, bytes: readFileSync(new URL(name, golden)) }));

function read(pieces) {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

const cutAt = (bytes, ...cuts) => [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));

function lineEnds(bytes, end) {
  return Buffer.from(bytes.toString("latin1").replaceAll("\n", end), "latin1");
}

/** Numbers from 0 to 1 that are the same in every run. */
function* numbers(seed) {
  for (;;) yield (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

test("there are transcripts of every dialect of events", () => {
  assert.ok(transcripts.length > 50, `${transcripts.length}`);
});

for (const { name, bytes } of transcripts) {
  test(`${name} is the same at every cut`, () => {
    const whole = read([bytes]);
    assert.ok(whole.length);
    for (let at = 0; at <= bytes.length; at++) assert.deepEqual(read(cutAt(bytes, at)), whole, `cut at ${at}`);
    assert.deepEqual(read([...bytes].map((byte) => Uint8Array.of(byte))), whole);
  });

  test(`${name} is the same with other line ends, byte by byte`, () => {
    const whole = read([bytes]);
    for (const end of ["\r", "\r\n"]) {
      const other = lineEnds(bytes, end);
      assert.deepEqual(read([other]), whole);
      assert.deepEqual(read([...other].map((byte) => Uint8Array.of(byte))), whole);
      for (let at = 0; at <= other.length; at++) assert.deepEqual(read(cutAt(other, at)), whole, `cut at ${at}`);
    }
  });
}

test("text that is not escaped survives cuts within its characters", () => {
  const bytes = Buffer.from("\ufeffid: g.1\r\ndata: a\u0085é猫🦉\u2028\r\n\r\nevent: ping\rdata: 🦉🦉\r\r", "utf8");
  const whole = [
    { type: "message", data: "a\u0085é猫🦉\u2028", id: "g.1" },
    { type: "ping", data: "🦉🦉", id: "g.1" },
  ];
  const number = numbers(7);
  for (let at = 0; at <= bytes.length; at++) {
    for (let to = at; to <= bytes.length; to++) assert.deepEqual(read(cutAt(bytes, at, to)), whole, `${at}, ${to}`);
  }
  for (let round = 0; round < 500; round++) {
    const cuts = [...bytes.keys()].filter(() => number.next().value < 0.3);
    assert.deepEqual(read(cutAt(bytes, ...cuts)), whole, `${cuts}`);
  }
});

test("what is not terminated is no event, and does not move the id", () => {
  const parser = new EventStreamParser();
  assert.deepEqual(parser.push(Buffer.from("id: g.1\ndata: x\n\nid: g.2\ndata: y\n")), [
    { type: "message", data: "x", id: "g.1" },
  ]);
  assert.equal(parser.lastEventId, "g.1");
});
