/** The stage in the page: its canvases, its tools, and what stands on it while there is no picture. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import sample from "./rocket.jpg";
import * as actions from "./actions";
import { cancel } from "./following";
import { Icon, type IconName } from "./icons";
import { SideBySide } from "./side_by_side";
import { changeMask, stageKeys } from "./shortcuts";
import { Stage } from "./stage";
import * as state from "./state";
import type { Tool } from "./state";

const TOOLS: [Tool, IconName, string][] = [
  ["brush", "brush", "Brush (B)"],
  ["eraser", "eraser", "Eraser (E)"],
  ["box", "box", "Box (R)"],
  ["lasso", "lasso", "Lasso (L)"],
  ["point", "target", "Click on a thing (P)"],
  ["hand", "hand", "Hand (H)"],
];

export function StageView({ isDragging }: { isDragging: boolean }) {
  const element = useRef<HTMLDivElement>(null);
  const layers = [
    useRef<HTMLCanvasElement>(null),
    useRef<HTMLCanvasElement>(null),
    useRef<HTMLCanvasElement>(null),
  ] as const;
  const scale = useSignal(1);
  const stage = useRef<Stage | null>(null);
  useEffect(() => {
    const [picture, mask, pointer] = layers.map((each) => each.current!);
    const made = new Stage(
      element.current!,
      { picture: picture!, mask: mask!, pointer: pointer! },
      (now) => (scale.value = now),
    );
    stage.current = made;
    stageKeys.zoomBy = (factor) => made.zoomBy(factor);
    stageKeys.fit = () => made.fit();
    stageKeys.actual = () => made.showActualSize();
    return () => made.dispose();
  }, []);
  const { picture, shown, isExtending, isRunning } = state;
  const isMasking = picture.value && !shown.value && !isExtending.value;
  return (
    <section class={isDragging ? "stage is-target" : "stage"} aria-label="Picture">
      <div class="layers" ref={element}>
        <canvas ref={layers[0]} aria-hidden="true" />
        <canvas ref={layers[1]} class="mask-layer" aria-hidden="true" />
        <canvas
          ref={layers[2]}
          class="pointer-layer"
          tabIndex={picture.value ? 0 : -1}
          role="application"
          aria-label={describeStage()}
        />
      </div>
      {!picture.value && <Empty />}
      {isMasking && <MaskTools />}
      {picture.value && <ViewTools scale={scale.value} stage={stage} />}
      {shown.value && !state.isSideBySide.value && <Wipe />}
      {shown.value && state.isSideBySide.value && <SideBySide />}
      {isRunning.value && <Running />}
    </section>
  );
}

function describeStage(): string {
  const { picture, shown, isExtending } = state;
  if (!picture.value) return "No picture yet";
  if (shown.value) return "The result: drag the line to compare it with the picture";
  if (isExtending.value) return "The picture: drag its borders outward, or type numbers in the panel";
  return "The picture: paint over what is to be repainted. Arrow keys move the brush, Space presses and lifts it";
}

function Empty() {
  return (
    <div class="empty">
      <div class="empty-art" aria-hidden="true">
        <Icon name="picture" />
      </div>
      <h2>Drop a picture here</h2>
      <p>Or paste one. It is sent to this service alone, once you press Paint.</p>
      <div class="row">
        <label class="button primary">
          Choose a picture
          <input
            type="file"
            class="unseen"
            accept="image/*"
            onChange={(event) => takeFile(event.currentTarget, actions.choosePicture)}
          />
        </label>
        <button type="button" class="button" onClick={() => void trySample()}>
          Try a sample
        </button>
      </div>
    </div>
  );
}

export function takeFile(input: HTMLInputElement, act: (file: File) => unknown): void {
  const [file] = input.files ?? [];
  if (file) act(file);
  input.value = "";
}

async function trySample(): Promise<void> {
  const response = await fetch(sample);
  const file = new File([await response.blob()], "rocket.jpg", { type: "image/jpeg" });
  await actions.choosePicture(file);
}

function MaskTools() {
  void state.maskVersion.value;
  const mask = state.mask.value!;
  const off = state.isRunning.value;
  return (
    <div class="tools" role="toolbar" aria-label="Mask">
      {TOOLS.filter(([tool]) => tool !== "point" || state.findable.value.has("points")).map(([tool, icon, label]) => (
        <button
          type="button"
          class="tool"
          aria-label={label}
          title={label}
          aria-pressed={state.tool.value === tool}
          disabled={off}
          onClick={() => (state.tool.value = tool)}
        >
          <Icon name={icon} />
        </button>
      ))}
      <span class="gap" />
      <Change act="undo" label="Undo (Ctrl Z)" off={off || !mask.canUndo} />
      <Change act="redo" label="Redo (Ctrl Shift Z)" off={off || !mask.canRedo} />
      <Change act="invert" label="Invert (I)" off={off} />
      <Change act="clear" label="Clear (Delete)" off={off || !mask.covered} />
      <span class="gap" />
      <label class="tool" title="Load a mask">
        <Icon name="open" />
        <span class="unseen">Load a mask</span>
        <input
          type="file"
          class="unseen"
          accept="image/png,image/jpeg,image/webp"
          disabled={off}
          onChange={(event) => takeFile(event.currentTarget, actions.loadMask)}
        />
      </label>
      <button
        type="button"
        class="tool"
        aria-label="Save the mask"
        title="Save the mask"
        disabled={!mask.covered}
        onClick={() => void actions.saveMask()}
      >
        <Icon name="save" />
      </button>
    </div>
  );
}

function Change({ act, label, off }: { act: "undo" | "redo" | "invert" | "clear"; label: string; off: boolean }) {
  return (
    <button
      type="button"
      class="tool"
      aria-label={label}
      title={label}
      disabled={off}
      onClick={() => changeMask(act)}
    >
      <Icon name={act} />
    </button>
  );
}

function ViewTools({ scale, stage }: { scale: number; stage: { current: Stage | null } }) {
  const name = state.picture.value!.file.name;
  return (
    <div class="view-tools" role="toolbar" aria-label="View">
      <label class="tool" title="Choose another picture">
        <Icon name="picture" />
        <span class="unseen">Choose another picture than {name}</span>
        <input
          type="file"
          class="unseen"
          accept="image/*"
          disabled={state.isRunning.value}
          onChange={(event) => takeFile(event.currentTarget, actions.choosePicture)}
        />
      </label>
      <span class="gap" />
      <button type="button" class="tool" aria-label="Zoom out (-)" title="Zoom out (-)" onClick={() => stage.current?.zoomBy(0.8)}>
        <Icon name="minus" />
      </button>
      <button
        type="button"
        class="tool zoom"
        title="Actual size (1)"
        onClick={() => stage.current?.showActualSize()}
      >
        <span class="unseen">Zoom </span>
        {Math.round(scale * devicePixelRatio * 100)} %<span class="unseen">, show actual size</span>
      </button>
      <button type="button" class="tool" aria-label="Zoom in (+)" title="Zoom in (+)" onClick={() => stage.current?.zoomBy(1.25)}>
        <Icon name="plus" />
      </button>
      <button type="button" class="tool" aria-label="Fit (0)" title="Fit (0)" onClick={() => stage.current?.fit()}>
        <Icon name="fit" />
      </button>
    </div>
  );
}

function Wipe() {
  return (
    <label class="wipe">
      <span>Before</span>
      <input
        type="range"
        min="0"
        max="100"
        step="1"
        aria-label="Line between before and after"
        value={Math.round(state.wipe.value * 100)}
        onInput={(event) => (state.wipe.value = Number(event.currentTarget.value) / 100)}
      />
      <span>After</span>
    </label>
  );
}

const STAGES: Record<string, string> = {
  load: "Loading the model",
  decode: "Reading the picture",
  find: "Finding what to repaint",
  paint: "Painting",
  encode: "Writing and proving",
};

function Running() {
  const { job } = state;
  const now = job.value;
  const fraction = now?.progress?.fraction ?? 0;
  const position = now?.queue.position;
  const { isFinding } = state;
  let text = "Sending the picture";
  const isEnded = now && !["queued", "running"].includes(now.status);
  if (isEnded) text = "Fetching the result";
  else if (now) {
    if (now.status === "queued") text = position ? `Waiting: ${position} ahead` : "Waiting for a worker";
    else text = STAGES[now.progress?.stage ?? ""] ?? (isFinding.value ? "Finding" : "Starting");
  }
  return (
    <div class="running">
      <div class="running-text">
        <span>{text}</span>
        <span>{now?.status === "running" ? `${Math.round(fraction * 100)} %` : ""}</span>
      </div>
      {now?.warnings.map((each) => (
        <p class="hint" key={each.code}>
          {each.detail}
        </p>
      ))}
      <progress max="1" value={now?.status === "running" ? fraction : undefined} aria-label={text} />
      {now && !isEnded && (
        <button type="button" class="button small" onClick={() => void cancel()}>
          Cancel
        </button>
      )}
    </div>
  );
}
