// The form that takes a token. The token is never shown, and goes nowhere but to the gateway.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { refusal } from "../api/token.ts";
import { Failure } from "../parts/failure.tsx";
import { isChecking, sessionError, signIn } from "../state/session.ts";
import { ThemeButton } from "../shell.tsx";

export function SignIn() {
  const text = useSignal("");
  const isRemembered = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    if (!isChecking.peek()) await signIn(text.peek(), isRemembered.peek());
  }

  return (
    <main class="outside">
      <h1>alyx functions</h1>
      <form onSubmit={submit} data-testid="sign-in">
        {refusal.value !== null && (
          <div class="failure" role="alert" data-testid="refusal">
            <p class="error-message">{refusal.value}</p>
            <p>The server refused the token. Sign in with another one.</p>
          </div>
        )}
        {sessionError.value && <Failure error={sessionError.value} />}
        <label class="field">
          <span>Token (JWT)</span>
          <input type="password" value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} required ref={field}
            autocomplete="off" spellcheck={false} autocapitalize="off" placeholder="eyJ…" aria-describedby="token-use" data-testid="token" />
        </label>
        <p id="token-use" class="dim">Its role decides what you see and may do: what the role owns, or all, for members of the extension's owner.</p>
        <label class="check">
          <input type="checkbox" checked={isRemembered.value} onChange={(event) => (isRemembered.value = event.currentTarget.checked)} data-testid="remember" />
          <span>Remember it until this tab is closed</span>
        </label>
        <div class="buttons">
          <ThemeButton />
          <button type="submit" class="primary" aria-disabled={isChecking.value} data-testid="sign-in-submit">{isChecking.value ? "Signing in…" : "Sign in"}</button>
        </div>
      </form>
    </main>
  );
}
