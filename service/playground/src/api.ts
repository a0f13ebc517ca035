/** Calls of the API, which lies where this page lies. */

import { signal } from "@preact/signals";
import type { Finder, Job, Limits, Method, Model, Problem } from "./documents";

/** The service, below whatever prefix a proxy adds. */
export const service = new URL(".", document.baseURI);

const KEY = "paintjob-key";

/** The API key that was typed in: kept until the tab is closed, and sent in a header alone. */
export const key = signal(recall());
/** True once the service has asked for a key, or refused the one it got. */
export const asksForKey = signal(false);

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

function recall(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function setKey(text: string): void {
  key.value = text.trim();
  try {
    if (key.value) sessionStorage.setItem(KEY, key.value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Without storage the key lives as long as the page.
  }
}

export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key.value) headers.set("Authorization", `Bearer ${key.value}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, service), { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ProblemError(unreachable());
  }
  if (response.ok) return response;
  if (response.status === 401) asksForKey.value = true;
  throw new ProblemError(await readProblem(response));
}

async function readProblem(response: Response): Promise<Problem> {
  try {
    const found = (await response.json()) as Problem;
    if (found.code) return { ...found, errors: found.errors ?? [] };
  } catch {
    // A proxy's page, not a document of the service.
  }
  return {
    ...unreachable(),
    status: response.status,
    title: `The answer was ${response.status}`,
    detail: `Something between this page and the service answered ${response.status}. Try again.`,
  };
}

function unreachable(): Problem {
  return {
    title: "The service cannot be reached",
    status: 0,
    detail: "The service cannot be reached. Check the connection, and try again.",
    code: "unreachable",
    retryable: true,
    request_id: "",
    errors: [],
  };
}

async function read<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await call(path, init)).json()) as T;
}

export interface Catalog {
  methods: Method[];
  models: Model[];
  finders: Finder[];
  limits: Limits;
}

export async function loadCatalog(): Promise<Catalog> {
  const [{ methods }, { models, finders = [] }, limits] = await Promise.all([
    read<{ methods: Method[] }>("methods"),
    read<{ models: Model[]; finders?: Finder[] }>("models"),
    read<Limits>("limits"),
  ]);
  return { methods, models, finders, limits };
}

export const submitJob = (operation: string, form: FormData): Promise<Job> =>
  read<Job>(operation, { method: "POST", body: form });

export const getJob = (id: string): Promise<Job> => read<Job>(`jobs/${id}`);

export const cancelJob = (id: string): Promise<Job> =>
  read<Job>(`jobs/${id}/cancel`, { method: "POST" });

export const deleteJob = (id: string): Promise<Response> =>
  call(`jobs/${id}`, { method: "DELETE" });

export async function fetchPart(id: string, part: string): Promise<Blob> {
  return (await call(`jobs/${id}/${part}`)).blob();
}

/** Return the URL of a job's events; its token opens them for an EventSource, which sends no key. */
export async function openEvents(id: string): Promise<URL> {
  const { url } = await read<{ url: string }>(`jobs/${id}/events-token`, { method: "POST" });
  const opened = new URL(`jobs/${id}/events`, service);
  opened.search = new URL(url, service).search;
  return opened;
}
