/** What came out: the proof, the estimate, warnings, and what to do with it next. */

import { useSignal } from "@preact/signals";
import * as actions from "./actions";
import { Icon } from "./icons";
import { extensionOf, LANGUAGES, maskNameOf, write, type Language } from "./snippets";
import * as state from "./state";
import { describeEstimate, describeProof, describeTime } from "./words";

export function ResultPanel() {
  const shown = state.shown.value!;
  const output = shown.job.outputs[state.chosen.value] ?? shown.job.outputs[0]!;
  const result = shown.results[state.chosen.value] ?? shown.results[0]!;
  const stem = shown.picture.file.name.replace(/\.[^.]*$/, "");
  return (
    <div class="form">
      <div class="result-head">
        <button type="button" class="quiet" onClick={actions.edit}>
          <Icon name="back" /> Edit
        </button>
        <h2>Result</h2>
        <span class="hint">
          {[shown.job.model ?? shown.job.method, describeTime(shown.job)].filter(Boolean).join(" · ")}
        </span>
      </div>
      {shown.results.length > 1 && <Variants count={shown.results.length} />}
      <ProofBadge />
      {output.estimate !== null && <Estimate value={output.estimate} />}
      <Warnings />
      {message()}
      <div class="row halves">
        <button
          type="button"
          class="button primary"
          onClick={() => actions.save(result.blob, `${stem}-painted.${extensionOf(shown.job)}`)}
        >
          <Icon name="save" /> Download
        </button>
        <button type="button" class="button" onClick={() => void actions.goOn()}>
          Continue from it <Icon name="next" />
        </button>
      </div>
      <CopyAs />
      <Details />
    </div>
  );
}

function message() {
  return (
    state.message.value && (
      <p class="message" role="alert">
        <Icon name="warning" />
        <span>{state.message}</span>
      </p>
    )
  );
}

function Variants({ count }: { count: number }) {
  return (
    <div class="chips" role="group" aria-label="Variants">
      <button
        type="button"
        class="chip"
        aria-pressed={state.isSideBySide.value}
        onClick={() => (state.isSideBySide.value = !state.isSideBySide.value)}
      >
        <Icon name="grid" /> Side by side
      </button>
      {Array.from({ length: count }, (_, index) => (
        <button
          type="button"
          class="chip"
          aria-label={`Variant ${index + 1}`}
          aria-pressed={!state.isSideBySide.value && state.chosen.value === index}
          onClick={() => {
            state.chosen.value = index;
            state.isSideBySide.value = false;
          }}
        >
          {index + 1}
        </button>
      ))}
    </div>
  );
}

function ProofBadge() {
  const shown = state.shown.value!;
  const output = shown.job.outputs[state.chosen.value] ?? shown.job.outputs[0]!;
  const { title, detail, holds } = describeProof(output.proof, output.format);
  return (
    <div class={holds ? "badge" : "badge is-lossy"}>
      <Icon name="shield" />
      <div>
        <strong>{title}</strong>
        <p>{detail}</p>
        {shown.effective && (
          <label class="switch">
            <input
              type="checkbox"
              checked={state.showsEffective.value}
              onChange={(event) => {
                state.showsEffective.value = event.currentTarget.checked;
                state.isSideBySide.value = false;
              }}
            />
            <span>Show what was repainted</span>
          </label>
        )}
      </div>
    </div>
  );
}

function Estimate({ value }: { value: number }) {
  const { long, isLow } = describeEstimate(value);
  return (
    <div class={isLow ? "estimate is-low" : "estimate"}>
      <p>{long}</p>
      <meter min="0" max="1" low={0.72} high={0.9} optimum={1} value={value} aria-label="Estimate" />
      <p class="hint">The method’s own guess, made without knowing the right answer.</p>
    </div>
  );
}

function Warnings() {
  const { warnings } = state.shown.value!.job;
  if (!warnings.length) return null;
  return (
    <ul class="warnings" aria-label="Warnings">
      {warnings.map((each) => (
        <li key={each.code}>
          <Icon name="warning" />
          <span>
            {each.detail} <code>{each.code}</code>
          </span>
        </li>
      ))}
    </ul>
  );
}

function CopyAs() {
  const language = useSignal<Language>("curl");
  const copied = useSignal(false);
  const shown = state.shown.value!;
  const text = write(language.value, shown);
  const needsMask = text.includes(maskNameOf(shown.picture.file.name));
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Over plain HTTP, browsers let no page write there: select it, so that it can be copied by hand.
      getSelection()?.selectAllChildren(document.getElementById("snippet")!);
      return;
    }
    copied.value = true;
    state.announcement.value = `Copied as ${language.value}`;
    setTimeout(() => (copied.value = false), 2000);
  };
  return (
    <details class="more copy">
      <summary>Copy as curl, Python or JavaScript</summary>
      <div class="chips" role="group" aria-label="Language">
        {LANGUAGES.map((each) => (
          <button
            type="button"
            class="chip"
            aria-pressed={language.value === each}
            onClick={() => (language.value = each)}
          >
            {each}
          </button>
        ))}
        <button type="button" class="chip copy-button" onClick={() => void copy()}>
          <Icon name={copied.value ? "check" : "copy"} /> {copied.value ? "Copied" : "Copy"}
        </button>
      </div>
      <pre id="snippet" tabIndex={0} role="region" aria-label={`The call in ${language.value}`}>
        {text}
      </pre>
      <p class="hint">
        Paints the same again, from {shown.picture.file.name} in the folder where it runs.{" "}
        {needsMask && (
          <button type="button" class="link" onClick={() => void actions.saveMask()}>
            Save the mask beside it
          </button>
        )}
      </p>
    </details>
  );
}

function Details() {
  const { job } = state.shown.value!;
  const output = job.outputs[state.chosen.value] ?? job.outputs[0]!;
  const rows: [string, string][] = [
    ["Job", job.id],
    ["Seed", String(output.seed)],
    ["Size", `${output.width} × ${output.height}, ${output.format}, ${actions.formatBytes(output.bytes)}`],
    ["SHA-256", output.sha256],
  ];
  if (job.expires_at) rows.push(["Kept until", new Date(job.expires_at).toLocaleString()]);
  return (
    <details class="more">
      <summary>Details</summary>
      <dl class="facts">
        {rows.map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
    </details>
  );
}
