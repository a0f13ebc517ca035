/** The jobs of this browser, as small pictures that open them again. */

import { useEffect, useMemo } from "preact/hooks";
import { reopen } from "./actions";
import { entries, forget, forgetAll, type Entry } from "./history";
import { Icon } from "./icons";
import * as state from "./state";

export function HistoryList() {
  if (!entries.value.length) return null;
  return (
    <section class="history" aria-labelledby="history-title">
      <div class="history-head">
        <h2 id="history-title">Earlier, in this browser</h2>
        <button type="button" class="link" onClick={() => void forgetAll()}>
          Clear
        </button>
      </div>
      <ul>
        {entries.value.map((entry) => (
          <Item entry={entry} key={entry.id} />
        ))}
      </ul>
    </section>
  );
}

function Item({ entry }: { entry: Entry }) {
  const url = useMemo(() => URL.createObjectURL(entry.thumbnail), [entry]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  const name = `${entry.file.name}, ${entry.job.method}, ${new Date(entry.at).toLocaleString()}`;
  return (
    <li>
      <button
        type="button"
        class="past"
        title={name}
        aria-current={state.shown.value?.job.id === entry.id}
        disabled={state.isRunning.value}
        onClick={() => void reopen(entry)}
      >
        <img src={url} alt={`Open ${name}`} width="72" height="72" />
      </button>
      <button type="button" class="forget" aria-label={`Forget ${name}`} onClick={() => void forget(entry.id)}>
        <Icon name="close" />
      </button>
    </li>
  );
}
