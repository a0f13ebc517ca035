/** The call behind a job, for other programs: it paints the same picture again. */

import { key, service } from "./api";
import type { Job } from "./documents";
import type { Shown } from "./state";

export type Language = "curl" | "Python" | "JavaScript";
export const LANGUAGES: Language[] = ["curl", "Python", "JavaScript"];

/** Longer ones do not fit into an argument of a command. */
const LONGEST_ARGUMENT = 100_000;

/** A request may wait for a minute; a job that took most of it may take longer the next time. */
const SHORT_SECONDS = 40;

interface Call {
  url: string;
  /** Names of fields and of the files that they are read from. */
  files: [string, string][];
  fields: [string, string][];
  extension: string;
  /** Whether one request may wait for the one picture. */
  isShort: boolean;
  indexes: number[];
  withKey: boolean;
}

export const maskNameOf = (image: string): string => `${image.replace(/\.[^.]*$/, "")}-mask.png`;
export const extensionOf = (job: Job): string => {
  const format = job.outputs[0]?.format ?? "png";
  return format === "jpeg" ? "jpg" : format;
};

export function write(language: Language, shown: Shown): string {
  const call = describe(shown);
  return { curl: writeCurl, Python: writePython, JavaScript: writeJavaScript }[language](call);
}

function describe({ job, picture, mask, reference, fields }: Shown): Call {
  const pairs = Object.entries({ ...fields, method: job.method, seed: String(job.params.seed) });
  const files: [string, string][] = [["image", picture.file.name]];
  if (mask) {
    const { width, height } = mask;
    const rle = { size: [height, width], counts: mask.toRunLengths() };
    const regions = JSON.stringify([{ rle }]);
    if (regions.length <= LONGEST_ARGUMENT) pairs.push(["regions", regions]);
    // Too long to be part of the call.
    else files.push(["mask", maskNameOf(picture.file.name)]);
  }
  if (reference) files.push(["reference_image", reference.name]);
  return {
    url: new URL(job.operation, service).href,
    files,
    fields: pairs,
    extension: extensionOf(job),
    isShort: job.outputs.length === 1 && secondsOf(job) < SHORT_SECONDS,
    indexes: job.outputs.map(({ index }) => index),
    withKey: Boolean(key.value),
  };
}

const secondsOf = (job: Job): number =>
  (Date.parse(job.finished_at ?? "") - Date.parse(job.created_at)) / 1000;

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function writeCurl(call: Call): string {
  const auth = call.withKey ? ['-H "Authorization: Bearer $PAINTJOB_API_KEY"'] : [];
  const media = call.extension === "jpg" ? "jpeg" : call.extension;
  const parts = [
    `curl --fail-with-body ${quote(call.url)}`,
    ...(call.isShort ? ["-H 'Prefer: wait=60'", `-H 'Accept: image/${media}'`] : []),
    ...auth,
    ...call.files.map(([name, file]) => `-F ${quote(`${name}=@"${file}"`)}`),
    ...call.fields.map(([name, value]) => `--form-string ${quote(`${name}=${value}`)}`),
    ...(call.isShort ? [`-o result.${call.extension}`] : []),
  ];
  const command = parts.join(" \\\n  ");
  if (call.isShort) return command;
  const jobs = quote(new URL("jobs/", call.url).href);
  const get = ["curl --fail --silent", ...auth].join(" ");
  return [
    `job=$(${command} | grep -o 'job_[0-9A-Z]*' | head -n 1)`,
    `until ${get} -H 'Prefer: wait=60' ${jobs}$job | grep -qE '"status": ?"(succeeded|failed|canceled)"'; do sleep 1; done`,
    ...call.indexes.map(
      (index) => `${get} -o result-${index}.${call.extension} ${jobs}$job/results/${index}`,
    ),
  ].join("\n");
}

function writePython(call: Call): string {
  return [
    ...(call.withKey ? ["import os", ""] : []),
    "import requests",
    "",
    ...(call.withKey
      ? ['headers = {"Authorization": f"Bearer {os.environ[\'PAINTJOB_API_KEY\']}", "Prefer": "wait=60"}']
      : ['headers = {"Prefer": "wait=60"}']),
    "response = requests.post(",
    `    ${JSON.stringify(call.url)},`,
    "    headers=headers,",
    "    files={",
    ...call.files.map(([name, file]) => `        "${name}": open(${JSON.stringify(file)}, "rb"),`),
    "    },",
    "    data={",
    ...call.fields.map(([name, value]) => `        "${name}": ${JSON.stringify(value)},`),
    "    },",
    ")",
    "response.raise_for_status()",
    "job = response.json()",
    `jobs = ${JSON.stringify(new URL("jobs/", call.url).href)}`,
    'while job["status"] in ("queued", "running"):',
    '    job = requests.get(jobs + job["id"], headers=headers).json()',
    'for output in job["outputs"]:',
    `    picture = requests.get(f"{jobs}{job['id']}/results/{output['index']}", headers=headers)`,
    "    picture.raise_for_status()",
    `    with open(f"result-{output['index']}.${call.extension}", "wb") as file:`,
    "        file.write(picture.content)",
  ].join("\n");
}

function writeJavaScript(call: Call): string {
  const attach = (name: string, file: string) =>
    `form.set("${name}", new Blob([await readFile(${JSON.stringify(file)})]), ${JSON.stringify(file)});`;
  return [
    'import { readFile, writeFile } from "node:fs/promises"; // Node 18 or later, as a .mjs file',
    "",
    'const headers = { Prefer: "wait=60" };',
    ...(call.withKey ? ["headers.Authorization = `Bearer ${process.env.PAINTJOB_API_KEY}`;"] : []),
    "const form = new FormData();",
    ...call.files.map(([name, file]) => attach(name, file)),
    ...call.fields.map(([name, value]) => `form.set("${name}", ${JSON.stringify(value)});`),
    `const response = await fetch(${JSON.stringify(call.url)}, { method: "POST", headers, body: form });`,
    "let job = await response.json();",
    "if (!response.ok) throw new Error(job.detail);",
    `const jobs = ${JSON.stringify(new URL("jobs/", call.url).href)};`,
    'while (["queued", "running"].includes(job.status)) {',
    "  job = await (await fetch(jobs + job.id, { headers })).json();",
    "}",
    "for (const { index } of job.outputs) {",
    "  const picture = await fetch(`${jobs}${job.id}/results/${index}`, { headers });",
    `  await writeFile(\`result-\${index}.${call.extension}\`, Buffer.from(await picture.arrayBuffer()));`,
    "}",
  ].join("\n");
}
