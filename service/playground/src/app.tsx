/** The page: its head, the stage with its tools, and the panel beside it. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as actions from "./actions";
import { asksForKey, key } from "./api";
import { KeyDialog, ShortcutsDialog } from "./dialogs";
import { report } from "./following";
import { loadHistory } from "./history";
import { Icon } from "./icons";
import { Panel } from "./panel";
import { listenForShortcuts } from "./shortcuts";
import { StageView } from "./stage_view";
import * as state from "./state";

export function App() {
  const showsShortcuts = useSignal(false);
  const isDragging = useSignal(false);
  useEffect(() => {
    void loadHistory();
    const stops = [
      listenForShortcuts(() => (showsShortcuts.value = true)),
      listenForPictures((is) => (isDragging.value = is)),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);
  // Also once another key was typed in.
  useSignalEffect(() => {
    void key.value;
    void actions.loadCatalog();
  });
  return (
    <>
      <header class="head">
        <h1>
          <a href="./" class="brand">
            <Mark />
            Paintjob
          </a>
        </h1>
        <nav aria-label="Documents">
          {/* Empty where the operator serves no guide. */}
          {document.body.dataset.guide && <a href={document.body.dataset.guide}>Guide</a>}
          <a href="docs/">
            <span class="wide-only">API </span>reference
          </a>
        </nav>
        <button type="button" class="quiet wide-only" onClick={() => (showsShortcuts.value = true)}>
          <Icon name="keyboard" /> Shortcuts
        </button>
        <button type="button" class="quiet" onClick={() => (asksForKey.value = true)}>
          <Icon name="key" />
          <span class="key-label">{key.value ? "Key set" : "API key"}</span>
        </button>
      </header>
      <main class="work">
        <StageView isDragging={isDragging.value} />
        <Panel />
      </main>
      <p class="unseen" role="status" aria-live="polite">
        {state.announcement}
      </p>
      <KeyDialog />
      <ShortcutsDialog open={showsShortcuts} />
    </>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="mark-frame" d="M8 22V10a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v6" />
      <path class="mark-paint" d="M14 24h10v-4h-4v-4h-6z" />
    </svg>
  );
}

/** Take pictures that are dropped or pasted anywhere on the page. */
function listenForPictures(onDrag: (is: boolean) => void): () => void {
  const find = (data: DataTransfer | null) =>
    [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));
  const drop = (event: DragEvent) => {
    event.preventDefault();
    onDrag(false);
    take(find(event.dataTransfer), event.dataTransfer);
  };
  const paste = (event: ClipboardEvent) => {
    const file = find(event.clipboardData);
    if (file) {
      event.preventDefault();
      take(file, event.clipboardData);
    }
  };
  const over = (event: DragEvent) => {
    event.preventDefault();
    onDrag([...(event.dataTransfer?.types ?? [])].includes("Files"));
  };
  const leave = (event: DragEvent) => {
    if (!event.relatedTarget) onDrag(false);
  };
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", leave);
  document.addEventListener("drop", drop);
  document.addEventListener("paste", paste);
  return () => {
    document.removeEventListener("dragover", over);
    document.removeEventListener("dragleave", leave);
    document.removeEventListener("drop", drop);
    document.removeEventListener("paste", paste);
  };
}

function take(file: File | undefined, data: DataTransfer | null): void {
  if (file) void actions.choosePicture(file);
  else if (data?.files.length) report(new Error("This file is no picture."));
}
