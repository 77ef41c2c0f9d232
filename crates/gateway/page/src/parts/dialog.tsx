// A modal dialog, and the question whether to go on. The browser keeps the focus inside and closes on Esc.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface DialogOf { title: string; close: () => void; testid: string; children: ComponentChildren }

export function Dialog({ title, close, testid, children }: DialogOf) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const focused = document.activeElement;
    element.current?.showModal();
    // The element leaves the document before the browser would give the focus back.
    return () => {
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby="dialog-title" data-testid={testid} onCancel={(event) => { event.preventDefault(); close(); }}
      onClick={(event) => { if (event.target === element.current) close(); }}>
      <div class="dialog-body">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface Question { title: string; text: string; yes: string; isDanger: boolean; answer: (yes: boolean) => void }

const question = signal<Question | null>(null);

/** Asks before something that cannot be taken back. */
export function ask(title: string, text: string, yes: string, isDanger = false): Promise<boolean> {
  question.peek()?.answer(false);
  return new Promise((resolve) => {
    question.value = {
      title, text, yes, isDanger,
      answer(answer) {
        question.value = null;
        resolve(answer);
      },
    };
  });
}

/** The place of the question; once in the page. */
export function QuestionDialog() {
  const asked = question.value;
  if (!asked) return null;
  return (
    <Dialog title={asked.title} close={() => asked.answer(false)} testid="confirm">
      <p>{asked.text}</p>
      <div class="buttons">
        <button type="button" onClick={() => asked.answer(false)} data-testid="confirm-no">Cancel</button>
        <button type="button" class={asked.isDanger ? "danger" : "primary"} onClick={() => asked.answer(true)} data-testid="confirm-yes">
          {asked.yes}
        </button>
      </div>
    </Dialog>
  );
}
