/** How far a picture is extended: margins in pixels or percent, aspect ratios, factors. */

import { fitRatio, isHorizontal, nameRatio, NO_MARGINS, RATIOS, SIDES, zoomOut, type Margins, type Side } from "./extending";
import { clearMessage } from "./following";
import { Faults } from "./panel";
import * as state from "./state";

const LABELS: Record<Side, string> = { left: "Left", top: "Top", right: "Right", bottom: "Bottom" };

function set(margins: Margins): void {
  state.margins.value = margins;
  clearMessage();
}

export function ExtendFields() {
  const picture = state.picture.value;
  if (!picture) return <p class="hint lead">Choose a picture, then drag its borders outward.</p>;
  const { width, height } = state.canvas.value;
  const named = nameRatio({ width, height });
  return (
    <div class="group">
      <fieldset class="margins">
        <legend>
          Margins
          <select
            class="unit"
            aria-label="Unit of the margins"
            value={state.unit.value}
            onChange={(event) => (state.unit.value = event.currentTarget.value as "px" | "%")}
          >
            <option value="px">pixels</option>
            <option value="%">percent</option>
          </select>
        </legend>
        {SIDES.map((side) => (
          <MarginField side={side} key={side} />
        ))}
      </fieldset>
      <Faults names={SIDES.flatMap((side) => [side, `${side}_percent`])} />
      <div class="chips" role="group" aria-label="Aspect ratio">
        {RATIOS.map((name) => (
          <button
            type="button"
            class="chip"
            aria-pressed={named === name}
            onClick={() => set(fitRatio(picture, name))}
          >
            {name}
          </button>
        ))}
        {[1.25, 1.5, 2].map((factor) => (
          <button type="button" class="chip" onClick={() => set(zoomOut(picture, factor))}>
            {factor} ×
          </button>
        ))}
        <button type="button" class="chip" onClick={() => set(NO_MARGINS)}>
          None
        </button>
      </div>
      <p class="hint">
        {picture.width} × {picture.height} becomes {width} × {height}
        {named ? ` (${named})` : ""}. Borders snap to these ratios; hold Alt to move both sides.
      </p>
    </div>
  );
}

function MarginField({ side }: { side: Side }) {
  const picture = state.picture.value!;
  const whole = isHorizontal(side) ? picture.width : picture.height;
  const pixels = state.margins.value[side];
  const isPercent = state.unit.value === "%";
  const value = isPercent ? +((100 * pixels) / whole).toFixed(2) : pixels;
  const take = (text: string) => {
    const given = Math.max(0, Number(text) || 0);
    const found = Math.min(32_768, Math.round(isPercent ? (given * whole) / 100 : given));
    set({ ...state.margins.value, [side]: found });
  };
  return (
    <label class={`margin ${side}`}>
      <span>{LABELS[side]}</span>
      <input
        type="number"
        name={side}
        min="0"
        step={isPercent ? 5 : 1}
        value={value}
        disabled={state.isRunning.value}
        onChange={(event) => take(event.currentTarget.value)}
      />
    </label>
  );
}
