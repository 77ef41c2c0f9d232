// Who is signed in: signing in and out, and what the server says about the role.

import { signal } from "@preact/signals";
import type { Me } from "../api/model.ts";
import { ApiError, asApiError, request } from "../api/request.ts";
import { dropToken, keepToken, token } from "../api/token.ts";

export const me = signal<Me | null>(null);
export const sessionError = signal<ApiError | null>(null);
export const isChecking = signal(false);
/** The token was kept from before: who it is must be asked before anything is shown. */
export const isResumed = signal(token.peek() !== null);

token.subscribe((value) => {
  if (value === null) me.value = null;
});

export async function signIn(text: string, remember: boolean): Promise<void> {
  sessionError.value = null;
  const value = text.trim().replace(/^Bearer\s+/i, "");
  if (!/^[\x21-\x7e]+$/.test(value)) {
    sessionError.value = new ApiError(0, "this is not a token", undefined, undefined, "A JWT is three parts of letters, digits, - and _ with dots between them.");
    return;
  }
  isResumed.value = false;
  keepToken(value, remember);
  await check();
  if (me.peek() === null && token.peek() !== null) dropToken(null);
}

export function signOut(): void {
  sessionError.value = null;
  dropToken(null);
}

/** Asks who the token is; once when the page starts with one that was kept. */
export async function check(): Promise<void> {
  if (token.peek() === null) return;
  isChecking.value = true;
  sessionError.value = null;
  try {
    me.value = await request<Me>("GET", "me");
  } catch (error) {
    const failure = asApiError(error);
    if (failure.status !== 401) sessionError.value = failure;
  } finally {
    isChecking.value = false;
  }
}
