/** Following a job to its end, and reporting what went wrong. */

import { batch } from "@preact/signals";
import * as api from "./api";
import { ProblemError } from "./api";
import type { Fault, Job, JobEvent } from "./documents";
import * as state from "./state";

const EVENTS = ["status", "painting", "progress", "preview", "mask", "cancel_requested"];

/** Follow a job by its events; where they do not come, ask again and again. */
export async function follow(job: Job): Promise<Job> {
  for (let tries = 0; ; tries++) {
    try {
      const ended = await listen(job.id, await api.openEvents(job.id));
      if (ended) return ended;
    } catch (error) {
      if (!(error instanceof ProblemError) || tries > 4 || !error.problem.retryable) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = await api.getJob(job.id);
    state.job.value = now;
    if (isEnded(now)) return now;
  }
}

const isEnded = (job: Job): boolean => !["queued", "running"].includes(job.status);

/** Return the job once it has ended; null if the stream is closed before. */
function listen(id: string, url: URL): Promise<Job | null> {
  return new Promise((resolve) => {
    const source = new EventSource(url);
    const stop = (ended: Job | null) => {
      source.close();
      resolve(ended);
    };
    const hear = (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as JobEvent;
      if (event.job) {
        state.job.value = event.job;
        stop(event.job);
      } else take(id, event);
    };
    for (const type of EVENTS) source.addEventListener(type, hear);
    source.addEventListener("wiped", () => stop(null));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) stop(null);
    };
  });
}

function take(id: string, event: JobEvent): void {
  const now = state.job.value;
  if (!now || now.id !== id) return;
  state.job.value = {
    ...now,
    status: event.status ?? now.status,
    progress: event.progress ?? now.progress,
  };
  if (event.type === "preview") void showPreview(id);
}

async function showPreview(id: string): Promise<void> {
  try {
    const bitmap = await createImageBitmap(await api.fetchPart(id, "preview"));
    if (state.job.value?.id === id && state.isRunning.value) state.preview.value = bitmap;
  } catch {
    // It was replaced or wiped meanwhile; another one comes.
  }
}

export async function cancel(): Promise<void> {
  const { job } = state;
  if (!job.value) return;
  try {
    await api.cancelJob(job.value.id);
  } catch (error) {
    report(error);
  }
}

/** Show a failure in words, and each fault at its field. */
export function report(error: unknown): void {
  const problem = error instanceof ProblemError ? error.problem : null;
  const text = error instanceof Error ? error.message : String(error);
  batch(() => {
    state.faults.value = problem?.errors ?? [];
    state.message.value = text.charAt(0).toUpperCase() + text.slice(1);
  });
  if (problem?.errors.length) requestAnimationFrame(() => pointOut(problem.errors));
}

/** Lead to the first fault that stands at a field; say here what stands at none. */
function pointOut(faults: Fault[]): void {
  const shown = [...document.querySelectorAll<HTMLElement>("[data-fault]")];
  const names = new Set(shown.flatMap((each) => each.dataset.fault!.split(" ")));
  const others = faults.filter(({ pointer }) => !names.has(pointer.split("/")[1] ?? ""));
  const words = others.map(({ message }) => message.charAt(0).toUpperCase() + message.slice(1));
  if (!others.length) words.push("See what is marked above.");
  state.message.value = words.map((each) => each.replace(/\.?$/, ".")).join(" ");
  shown[0]?.closest("details")?.setAttribute("open", "");
  shown[0]?.scrollIntoView({ block: "nearest" });
  document.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}

export function clearMessage(): void {
  batch(() => {
    state.faults.value = [];
    state.message.value = "";
  });
}
