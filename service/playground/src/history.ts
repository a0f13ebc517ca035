/** The jobs of this browser, kept here alone: pictures, masks, parameters and results. */

import { signal } from "@preact/signals";
import type { Job } from "./documents";

export interface Entry {
  id: string;
  at: number;
  job: Job;
  fields: Record<string, string>;
  file: File;
  mask: Blob | null;
  reference: File | null;
  effective: Blob | null;
  results: Blob[];
  thumbnail: Blob;
}

const STORE = "jobs";
const MAX_ENTRIES = 40;
const MAX_BYTES = 250_000_000;

/** Newest first; without their pictures they would not be there. */
export const entries = signal<Entry[]>([]);

let opened: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("paintjob", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run<T>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await open();
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(STORE, mode).objectStore(STORE));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Load what is kept. A browser that keeps nothing (private windows) has an empty history. */
export async function loadHistory(): Promise<void> {
  try {
    const found = await run<Entry[]>("readonly", (store) => store.getAll());
    entries.value = found.sort((a, b) => b.at - a.at);
  } catch {
    entries.value = [];
  }
}

export async function remember(entry: Entry): Promise<void> {
  entries.value = [entry, ...entries.value.filter((each) => each.id !== entry.id)];
  try {
    await run("readwrite", (store) => store.put(entry));
    for (const old of findSurplus()) await forget(old.id);
  } catch {
    // Full or forbidden: the entry stays until the tab is closed.
  }
}

export async function forget(id: string): Promise<void> {
  entries.value = entries.value.filter((each) => each.id !== id);
  try {
    await run("readwrite", (store) => store.delete(id));
  } catch {
    // It was never kept.
  }
}

export async function forgetAll(): Promise<void> {
  entries.value = [];
  try {
    await run("readwrite", (store) => store.clear());
  } catch {
    // Nothing was ever kept.
  }
}

function findSurplus(): Entry[] {
  let bytes = 0;
  return entries.value.filter((entry, index) => {
    bytes += entry.file.size + entry.results.reduce((sum, blob) => sum + blob.size, 0);
    return index > 0 && (index >= MAX_ENTRIES || bytes > MAX_BYTES);
  });
}
