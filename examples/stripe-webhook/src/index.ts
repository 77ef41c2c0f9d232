// stripe-webhook: takes Stripe's events, believes only those with a valid signature, and books each payment once.

import { HttpError, handler } from "@alyx/functions";
import { isSigned } from "./signature.ts";

/** What the gateway passes on, and what a call by SQL gives as input. */
interface Request {
  headers: { readonly [name: string]: string };
  body: string;
}

interface StripeEvent {
  id: string;
  type: string;
  created: number;
  data: { object: { id: string; amount_paid?: number; currency?: string; customer?: string } };
}

export default handler<Request>(async (ctx) => {
  const request = ctx.http ?? ctx.input;
  const secret = ctx.env.STRIPE_SECRET;
  if (secret === undefined) throw new Error("the secret STRIPE_SECRET is not set or not granted");
  if (!(await isSigned(request.body, request.headers["stripe-signature"], secret, Date.now()))) {
    throw new HttpError(400, "the signature is missing, wrong or too old");
  }

  const event: StripeEvent = JSON.parse(request.body);
  const { object } = event.data;
  return ctx.db.transaction(async (tx) => {
    // Stripe delivers an event more than once. The one that makes the row books it.
    const isNew = await tx.exec("INSERT INTO billing.events (id, type, payload) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", [event.id, event.type, event]);
    if (isNew === 0) return { received: true, duplicate: true };
    if (event.type === "invoice.paid") {
      await tx.table("billing.payments", { key: "invoice" }).create({
        invoice: object.id,
        customer: object.customer,
        amount_cents: object.amount_paid,
        currency: object.currency,
        paid_at: new Date(event.created * 1000),
      });
    }
    ctx.log.info("stripe event", { id: event.id, type: event.type });
    return { received: true };
  });
});
