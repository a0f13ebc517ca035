/** What is to be repainted by its name, or as the thing in a box; shown where it can be found. */

import { useSignal } from "@preact/signals";
import { findNamed } from "./finding";
import { Icon } from "./icons";
import * as state from "./state";

const NAMES: [string, string][] = [
  ["text", "Text"],
  ["subject", "Subject"],
  ["background", "Background"],
];

export function FindFields() {
  const words = useSignal("");
  const can = state.findable.value;
  if (!can.size) return null;
  const off = state.isRunning.value;
  return (
    <fieldset class="find">
      <legend>Find it</legend>
      <div class="chips">
        {NAMES.filter(([name]) => can.has(name)).map(([name, label]) => (
          <button type="button" class="chip" disabled={off} onClick={() => void findNamed(name)}>
            <Icon name="target" /> {label}
          </button>
        ))}
      </div>
      {can.has("words") && (
        <div class="row">
          <input
            type="text"
            aria-label="What to find, in words"
            placeholder="a red cup"
            maxLength={256}
            value={words.value}
            onInput={(event) => (words.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
              // It would paint.
              event.preventDefault();
              if (words.value.trim()) void findNamed(words.value.trim());
            }}
          />
          <button
            type="button"
            class="button"
            disabled={off || !words.value.trim()}
            onClick={() => void findNamed(words.value.trim())}
          >
            Find
          </button>
        </div>
      )}
      {can.has("box") && (
        <label class="switch">
          <input
            type="checkbox"
            checked={state.findsInBox.value}
            onChange={(event) => {
              state.findsInBox.value = event.currentTarget.checked;
              if (event.currentTarget.checked) state.tool.value = "box";
            }}
          />
          <span>Boxes mark only the thing in them</span>
        </label>
      )}
      <p class="hint">What is found is added to the mask: look at it, and correct it, before you paint.</p>
    </fieldset>
  );
}
