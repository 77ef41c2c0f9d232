// Schedules: when they ran, when they will, and what has stopped them.

import assert from "node:assert/strict";
import { House } from "./house.js";
import { endAfterwards, inWindow } from "./window.js";

const house = await House.open("schedules");
endAfterwards(house);
await house.deploy("clean", "cleanup-sessions", "database: write\nhooks: [{type: schedule, cron: '30 2 * * *', timezone: Europe/Berlin, missed: once, input: {keep_minutes: 60}}]\n");
const dev = { token: house.token() };

inWindow("a schedule tells its next runs", house, dev, async (window) => {
  await window.id("nav-schedules").click();
  await window.counts(window.rows("schedule-row"), 1);
  await window.shows("schedule-row", /clean.*30 2 \* \* \*.*Europe\/Berlin.*never/s);
  await window.id("open-row").click();
  await window.shows("row-detail", /Missed\s*once/);
  await window.shows("input", /"keep_minutes": 60/);
  const [{ next_runs }] = await house.items("schedules");
  assert.equal(next_runs.length, 5);
  // The window's clock is in UTC.
  const local = next_runs.map((at) => new Date(at).toISOString().slice(0, 19).replace("T", " "));
  const lines = await window.id("next-runs").locator("li").allInnerTexts();
  assert.deepEqual(lines.map((line) => line.slice(0, 19)), local);
  assert.ok(local.every((time) => /0[01]:30:00$/.test(time)), `${local}`);
});

inWindow("a new schedule appears, and one that is gone goes", house, dev, async (window) => {
  await window.id("nav-schedules").click();
  await window.counts(window.rows("schedule-row"), 1);
  await window.isLive();
  const id = house.sql("SELECT fn_schedule('clean', '@hourly')", "dev");
  await window.counts(window.rows("schedule-row"), 2);
  await window.shows("schedule-row", "@hourly");
  house.sql(`SELECT fn_unschedule(${id})`, "dev");
  await window.counts(window.rows("schedule-row"), 1);
});
