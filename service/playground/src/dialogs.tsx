/** The page's dialogs: the API key, and the list of shortcuts. */

import { type Signal, useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { asksForKey, key, setKey } from "./api";
import { Icon } from "./icons";
import { SHORTCUTS } from "./shortcuts";

function Dialog({ open, title, children }: { open: Signal<boolean>; title: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useSignalEffect(() => {
    if (open.value) element.current?.showModal();
    else element.current?.close();
  });
  return (
    <dialog
      ref={element}
      aria-label={title}
      onClose={() => (open.value = false)}
      onClick={(event) => event.target === element.current && (open.value = false)}
    >
      <div class="dialog">
        <div class="dialog-head">
          <h2>{title}</h2>
          <button type="button" class="tool" aria-label="Close" onClick={() => (open.value = false)}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

export function KeyDialog() {
  const text = useSignal(key.value);
  return (
    <Dialog open={asksForKey} title="API key">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setKey(text.value);
          asksForKey.value = false;
        }}
      >
        <p id="key-hint">
          Where this service asks for a key, its operator makes one with <code>paintjob keys create</code>. It is
          kept until you close this tab, and sent in a header alone.
        </p>
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            name="key"
            autocomplete="off"
            spellcheck={false}
            placeholder="pj_…"
            aria-describedby="key-hint"
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
        </label>
        <div class="row end">
          <button type="submit" class="button primary">
            Use the key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function ShortcutsDialog({ open }: { open: Signal<boolean> }) {
  return (
    <Dialog open={open} title="Shortcuts">
      <dl class="shortcuts">
        {SHORTCUTS.map(({ keys, does }) => (
          <>
            <dt>{keys}</dt>
            <dd>{does}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}
