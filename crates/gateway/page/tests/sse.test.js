// The event stream, in whatever pieces it comes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.js";

const { EventReader } = await load("api/sse.ts");
const STREAM = ': keep-alive\n\nevent: change\r\ndata: {"jobs": true}\r\n\r\nid: 7\ndata:a\ndata: b\n\nevent: empty\n\ndata: unfinished\n';
const EVENTS = [{ event: "change", data: '{"jobs": true}' }, { event: "message", data: "a\nb" }];

test("events are the same however the stream is cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...reader.push(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EVENTS, `pieces of ${size}`);
  }
});
