// cleanup-sessions: deletes sessions that have expired, in batches, by the clock or by hand.

import { handler } from "@alyx/functions";

interface Input {
  /** Sessions are kept for so many minutes after they have expired. */
  keep_minutes?: number;
  /** Rows of one DELETE. */
  batch?: number;
  /** DELETEs of one run: the rest waits for the next. */
  max_batches?: number;
}

const DELETE = `
  DELETE FROM web.sessions WHERE id IN (
    SELECT id FROM web.sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
  )`;

export default handler<Input>(async (ctx) => {
  const { keep_minutes = 0, batch = 1000, max_batches = 50 } = ctx.input ?? {};
  // The instant that the run is for, not the one it came to run at: a late run deletes what it should have deleted.
  const at = new Date(ctx.schedule?.scheduled_at ?? Date.now());
  const before = new Date(at.getTime() - keep_minutes * 60_000);

  let deleted = 0;
  for (let n = 0; n < max_batches; n++) {
    const rows = await ctx.db.exec(DELETE, [before, batch]);
    deleted += rows;
    if (rows < batch) break;
  }

  await ctx.kv.set("last", { at: at.toISOString(), deleted });
  if (deleted > 0) ctx.log.info("sessions deleted", { deleted, before: before.toISOString(), missed: ctx.schedule?.missed ?? 0 });
  return { deleted };
});
