/** The call behind a job, for other programs: it paints the same picture again. */

import { key, service } from "./api";
import type { Job } from "./documents";
import type { Shown } from "./state";

export type Language = "curl" | "Python" | "JavaScript";
export const LANGUAGES: Language[] = ["curl", "Python", "JavaScript"];

/** Longer ones do not fit into an argument of a command. */
const LONGEST_ARGUMENT = 100_000;

interface Call {
  url: string;
  /** Names of fields and of the files that they are read from. */
  files: [string, string][];
  fields: [string, string][];
  extension: string;
  isSingle: boolean;
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
    isSingle: job.outputs.length === 1,
    withKey: Boolean(key.value),
  };
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function writeCurl(call: Call): string {
  const media = call.extension === "jpg" ? "jpeg" : call.extension;
  const parts = [
    `curl --fail-with-body ${quote(call.url)}`,
    "-H 'Prefer: wait=60'",
    ...(call.isSingle ? [`-H 'Accept: image/${media}'`] : []),
    ...(call.withKey ? ['-H "Authorization: Bearer $PAINTJOB_API_KEY"'] : []),
    ...call.files.map(([name, file]) => `-F ${quote(`${name}=@"${file}"`)}`),
    ...call.fields.map(([name, value]) => `--form-string ${quote(`${name}=${value}`)}`),
    call.isSingle ? `-o result.${call.extension}` : "-o job.json",
  ];
  const command = parts.join(" \\\n  ");
  return call.isSingle ? command : `${command}\n# job.json names each picture in outputs[].url`;
}

function writePython(call: Call): string {
  return [
    ...(call.withKey ? ["import os", ""] : []),
    "import requests",
    "",
    ...(call.withKey
      ? ['headers = {"Authorization": f"Bearer {os.environ[\'PAINTJOB_API_KEY\']}"}']
      : ["headers = {}"]),
    "response = requests.post(",
    `    ${JSON.stringify(call.url)},`,
    '    headers={**headers, "Prefer": "wait=60"},',
    "    files={",
    ...call.files.map(([name, file]) => `        "${name}": open(${JSON.stringify(file)}, "rb"),`),
    "    },",
    "    data={",
    ...call.fields.map(([name, value]) => `        "${name}": ${JSON.stringify(value)},`),
    "    },",
    ")",
    "response.raise_for_status()",
    'for output in response.json()["outputs"]:',
    "    picture = requests.get(",
    `        requests.compat.urljoin(response.url, output["url"]), headers=headers`,
    "    )",
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
    ...(call.withKey
      ? ["const headers = { Authorization: `Bearer ${process.env.PAINTJOB_API_KEY}` };"]
      : ["const headers = {};"]),
    "const form = new FormData();",
    ...call.files.map(([name, file]) => attach(name, file)),
    ...call.fields.map(([name, value]) => `form.set("${name}", ${JSON.stringify(value)});`),
    `const response = await fetch(${JSON.stringify(call.url)}, {`,
    '  method: "POST",',
    '  headers: { ...headers, Prefer: "wait=60" },',
    "  body: form,",
    "});",
    "if (!response.ok) throw new Error((await response.json()).detail);",
    "for (const output of (await response.json()).outputs) {",
    "  const picture = await fetch(new URL(output.url, response.url), { headers });",
    `  await writeFile(\`result-\${output.index}.${call.extension}\`, Buffer.from(await picture.arrayBuffer()));`,
    "}",
  ].join("\n");
}
