// send-welcome: an asynchronous hook on new users that sends a message through an e-mail service's HTTP API. It runs as a job
// after the commit, so that neither a slow service nor a failing one holds up a registration.

import { handler } from "@alyx/functions";

interface User {
  id: number;
  name: string;
  email: string | null;
  welcomed_at: string | null;
}

export default handler<null, void, User>(async (ctx) => {
  const user = ctx.row;
  // Not tried again: nothing will change by itself.
  if (user.email === null) ctx.raise(`user ${user.id} has no e-mail address`, { code: "NO_ADDRESS", nonRetryable: true });

  const response = await fetch(ctx.env.MAIL_API!, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${ctx.env.MAIL_KEY}`,
      // The same in every attempt: the service sends once, however often we have to ask.
      "idempotency-key": ctx.id,
    },
    body: JSON.stringify({ to: user.email, subject: `Welcome, ${user.name}!`, text: `Hello ${user.name}, good to have you here.` }),
    signal: AbortSignal.timeout(5_000),
  });

  if (response.status === 429 || response.status >= 500) {
    const seconds = Number(response.headers.get("retry-after"));
    ctx.raise(`the mail service answered ${response.status}`, {
      code: "MAIL_UNAVAILABLE",
      ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
    });
  }
  if (!response.ok) {
    ctx.raise(`the mail service refused the message: ${response.status}`, { code: "MAIL_REFUSED", nonRetryable: true, answer: await response.text() });
  }

  // Commits together with the end of the job.
  await ctx.db.table<User>("welcome.users").update(user.id, { welcomed_at: new Date().toISOString() }, { returning: false });
  ctx.log.info("welcomed", { user: user.id, attempt: ctx.attempt });
});
