/** The panel beside the stage: what to do, how, and the button that does it; then the result. */

import * as actions from "./actions";
import { asksForKey, key } from "./api";
import { ExtendFields } from "./extend_fields";
import { FieldList, MethodFields, ModelExtras } from "./fields";
import { FindFields } from "./find_fields";
import { HistoryList } from "./history_list";
import { Icon } from "./icons";
import { ResultPanel } from "./result_panel";
import * as state from "./state";
import { describePercent } from "./words";

export function Panel() {
  return (
    <aside class="panel" aria-label={state.shown.value ? "Result" : "Job"}>
      <div class="panel-scroll">
        {state.shown.value ? <ResultPanel /> : <JobForm />}
        <HistoryList />
      </div>
      {!state.shown.value && <Submit />}
    </aside>
  );
}

function JobForm() {
  return (
    <form
      id="job"
      class="form"
      // What the service refuses it says in words of its own, at the field.
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void actions.paint();
      }}
    >
      <Tabs />
      {state.isExtending.value ? <ExtendFields /> : <MaskFields />}
      <MethodFields />
      <FieldList more={false} />
      <ModelExtras />
      <details class="more">
        <summary>More options</summary>
        <FieldList more />
      </details>
    </form>
  );
}

function Tabs() {
  const tabs = [
    ["inpaint", "Repaint a part"],
    ["outpaint", "Extend"],
  ] as const;
  return (
    <div class="tabs" role="radiogroup" aria-label="What to do">
      {tabs.map(([operation, label]) => (
        <label>
          <input
            type="radio"
            name="operation"
            class="unseen"
            checked={state.operation.value === operation}
            disabled={state.isRunning.value}
            onChange={() => actions.chooseOperation(operation)}
          />
          <span>{label}</span>
        </label>
      ))}
    </div>
  );
}

function MaskFields() {
  if (!state.picture.value) {
    return <p class="hint lead">Choose a picture, then paint over what should go.</p>;
  }
  const { width, height } = state.picture.value;
  const longest = Math.max(width, height);
  // Logarithmic: small brushes need finer steps.
  const steps = 100;
  const toStep = (size: number) => Math.round((steps * Math.log(size)) / Math.log(longest / 2));
  const toSize = (step: number) => Math.max(1, Math.round((longest / 2) ** (step / steps)));
  return (
    <div class="group">
      <label class="field">
        <span>
          Brush <em>{state.brush} px</em>
        </span>
        <input
          type="range"
          min="0"
          max={steps}
          value={toStep(state.brush.value)}
          aria-valuetext={`${state.brush.value} pixels`}
          onInput={(event) => (state.brush.value = toSize(Number(event.currentTarget.value)))}
        />
      </label>
      <p class="hint">
        {state.coverage.value
          ? `${describePercent(state.coverage.value)} of the picture will be repainted.`
          : "Paint over what should go: with the brush, a box or the lasso."}
      </p>
      <FindFields />
      <Faults names={["mask", "regions", "mask_source"]} />
    </div>
  );
}

export function Faults({ names }: { names: string[] }) {
  const found = names.filter(state.faultOf);
  return found.length ? (
    <p class="fault" data-fault={found.join(" ")}>
      {found.map(state.faultOf).join("; ")}
    </p>
  ) : null;
}

function Submit() {
  const { picture, isRunning, isFinding, isExtending, canvas, message, catalogProblem } = state;
  const image = picture.value;
  const needs = !image
    ? "Choose a picture first"
    : isExtending.value
      ? canvas.value.width === image.width && canvas.value.height === image.height && "Drag a border outward first"
      : !state.coverage.value && "Paint over a part of the picture first";
  return (
    <div class="submit">
      {catalogProblem.value && <CatalogProblem />}
      {message.value && (
        <p class="message" role="alert">
          <Icon name="warning" />
          <span>{message}</span>
        </p>
      )}
      <button type="submit" form="job" class="button primary big" disabled={Boolean(needs) || isRunning.value}>
        {isFinding.value ? "Finding …" : isRunning.value ? "Painting …" : "Paint"}
      </button>
      <p class="hint center">{needs || <Offline />}</p>
    </div>
  );
}

function Offline() {
  const method = state.method.value;
  const workers = state.model.value?.workers_online ?? method?.workers_online ?? 1;
  if (!workers) return <>No worker is online for this method: the job would wait.</>;
  return <span class="wide-only">Ctrl Enter paints too</span>;
}

function CatalogProblem() {
  const problem = state.catalogProblem.value!;
  const isKey = problem.status === 401;
  return (
    <p class="message" role="alert">
      <Icon name={isKey ? "key" : "warning"} />
      <span>
        {isKey ? (key.value ? "This key is not valid here." : "This service asks for an API key.") : problem.detail}{" "}
        <button
          type="button"
          class="link"
          onClick={() => (isKey ? (asksForKey.value = true) : void actions.loadCatalog())}
        >
          {isKey ? "Enter the key" : "Try again"}
        </button>
      </span>
    </p>
  );
}
