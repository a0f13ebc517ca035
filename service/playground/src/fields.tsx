/** Fields of the parameters, each shown where the chosen method and model honor it. */

import { setField } from "./actions";
import { choicesOf, fitsOperation, hasChoice, mostOf, PARAMETERS, type Parameter } from "./parameters";
import * as state from "./state";

export function MethodFields() {
  const own = state.methods.value.filter((each) => each.operation === state.operation.value);
  const fallback = own.find((each) => each.is_default);
  const served = state.painters.value;
  const summary = state.method.value?.summary;
  return (
    <div class="group">
      <label class="field">
        <span>Method</span>
        <select
          name="method"
          value={state.fields.value.method ?? ""}
          aria-describedby="method-hint"
          aria-invalid={Boolean(state.faultOf("method"))}
          onChange={(event) => setField("method", event.currentTarget.value)}
        >
          <option value="">Automatic{fallback ? ` (${fallback.name})` : ""}</option>
          {own.map((each) => (
            <option value={each.name} disabled={!each.available}>
              {each.name}
              {each.available ? "" : " (not configured)"}
            </option>
          ))}
        </select>
      </label>
      <p class="hint" id="method-hint">
        {summary}
      </p>
      <Fault name="method" />
      {state.method.value?.needs_model && served.length > 0 && (
        <label class="field">
          <span>Model</span>
          <select
            name="model"
            value={state.fields.value.model ?? ""}
            aria-invalid={Boolean(state.faultOf("model"))}
            onChange={(event) => setField("model", event.currentTarget.value)}
          >
            <option value="">Default ({served.find((each) => each.is_default)?.name ?? "none"})</option>
            {served.map((each) => (
              <option value={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
      )}
      <Fault name="model" />
    </div>
  );
}

/** A second picture, and LoRAs, where the chosen model takes any. */
export function ModelExtras() {
  const takesReference = state.method.value?.needs_model && state.honors("reference_image");
  const offered = state.honors("loras") ? state.offeredLoras.value : [];
  return (
    <>
      {takesReference && <ReferenceField />}
      {offered.length > 0 && (
        <fieldset class="field">
          <legend>LoRAs</legend>
          {offered.map(([name, { description, scale }]) => (
            <LoraField name={name} description={description} scale={scale} key={name} />
          ))}
          <Fault name="loras" />
        </fieldset>
      )}
    </>
  );
}

function ReferenceField() {
  const { reference } = state;
  return (
    <div class="field">
      <span>Reference picture</span>
      <div class="row">
        <label class="button small">
          {reference.value ? reference.value.name : "Choose what the model looks at"}
          <input
            type="file"
            class="unseen"
            accept="image/*"
            onChange={(event) => (reference.value = event.currentTarget.files?.[0] ?? null)}
          />
        </label>
        {reference.value && (
          <button type="button" class="button small" onClick={() => (reference.value = null)}>
            Remove it
          </button>
        )}
      </div>
      <Fault name="reference_image" />
    </div>
  );
}

function LoraField({ name, description, scale }: { name: string; description: string; scale: number }) {
  const { loras } = state;
  const isUsed = name in loras.value;
  const set = (used: boolean, text: string) => {
    const { [name]: _, ...others } = loras.value;
    loras.value = used ? { ...others, [name]: text } : others;
  };
  return (
    <div class="lora">
      <label class="switch" title={description}>
        <input
          type="checkbox"
          checked={isUsed}
          onChange={(event) => set(event.currentTarget.checked, loras.value[name] ?? "")}
        />
        <span>{name}</span>
      </label>
      <input
        type="number"
        aria-label={`Scale of ${name}`}
        step="0.1"
        placeholder={String(scale)}
        disabled={!isUsed}
        value={loras.value[name] ?? ""}
        onInput={(event) => set(true, event.currentTarget.value)}
      />
    </div>
  );
}

export function FieldList({ more }: { more: boolean }) {
  const offered = PARAMETERS.filter(
    (each) =>
      Boolean(each.more) === more &&
      fitsOperation(each) &&
      hasChoice(each) &&
      state.honors(each.name) &&
      (each.name !== "num_images" || state.method.value?.variants),
  );
  return (
    <div class="grid">
      {offered.map((each) => (
        <ParameterField parameter={each} key={each.name} />
      ))}
    </div>
  );
}

function ParameterField({ parameter }: { parameter: Parameter }) {
  const { name, label, kind, hint } = parameter;
  const fault = state.faultOf(name);
  const described = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(" ");
  if (kind === "segments") return <Segments parameter={parameter} />;
  const shared = {
    ...{ id: `field-${name}`, name, "aria-invalid": Boolean(fault) },
    "aria-describedby": described || undefined,
  };
  return (
    <div class={parameter.wide ? "field span" : "field"}>
      {kind !== "switch" && <label for={`field-${name}`}>{label}</label>}
      <Control parameter={parameter} shared={shared} />
      {hint && (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {fault && (
        <p class="fault" id={`${name}-fault`} data-fault={name}>
          {fault}
        </p>
      )}
    </div>
  );
}

function Segments({ parameter }: { parameter: Parameter }) {
  const { name, label } = parameter;
  return (
    <fieldset class="field span">
      <legend>{label}</legend>
      <div class="tabs">
        {choicesOf(parameter).map(([value, text]) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              class="unseen"
              checked={(state.fields.value[name] ?? "") === value}
              onChange={() => setField(name, value)}
            />
            <span>{text}</span>
          </label>
        ))}
      </div>
      <Fault name={name} />
    </fieldset>
  );
}

function Control({ parameter, shared }: { parameter: Parameter; shared: Record<string, unknown> }) {
  const { name, kind, label, placeholder } = parameter;
  const value = state.fields.value[name] ?? "";
  const take = (event: { currentTarget: { value: string } }) => setField(name, event.currentTarget.value);
  if (kind === "lines") {
    return <textarea {...shared} rows={2} placeholder={placeholder} value={value} onInput={take} />;
  }
  if (kind === "choice") {
    return (
      <select {...shared} value={value} onChange={take}>
        {choicesOf(parameter).map(([key, text]) => (
          <option value={key}>{text}</option>
        ))}
      </select>
    );
  }
  if (kind === "switch") {
    const text = name === "convert" ? "srgb" : "true";
    return (
      <label class="switch">
        <input
          {...shared}
          type="checkbox"
          checked={Boolean(value)}
          onChange={(event) => setField(name, event.currentTarget.checked ? text : "")}
        />
        <span>{label}</span>
      </label>
    );
  }
  return (
    <input
      {...shared}
      type="number"
      min={parameter.least}
      max={mostOf(parameter)}
      step={parameter.step ?? 1}
      placeholder={placeholder}
      value={value}
      onInput={take}
    />
  );
}

export function Fault({ name }: { name: string }) {
  const fault = state.faultOf(name);
  return fault ? (
    <p class="fault" data-fault={name}>
      {fault}
    </p>
  ) : null;
}
