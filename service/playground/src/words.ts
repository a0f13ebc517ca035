/** What numbers of a job mean, in words. */

import type { Job, Proof } from "./documents";

const COUNT = new Intl.NumberFormat("en-US");

export const count = (number: number): string => COUNT.format(number);

/** Source: docs/restoring.md: below 0.72 a result comes with the warning `low_confidence`. */
export function describeEstimate(estimate: number): { short: string; long: string; isLow: boolean } {
  const value = estimate.toFixed(2);
  if (estimate >= 0.9) {
    return { short: `estimate ${value}`, isLow: false, long: `Very likely right (estimate ${value}).` };
  }
  if (estimate >= 0.72) {
    return { short: `estimate ${value}`, isLow: false, long: `Probably right (estimate ${value}).` };
  }
  return {
    short: `estimate ${value}`,
    isLow: true,
    long: `Doubtful (estimate ${value}): look closely, or try a smaller mask or another method.`,
  };
}

export function describeProof(proof: Proof, format: string): { title: string; detail: string; holds: boolean } {
  const holds = proof.kept_pixels_changed === 0;
  const band = proof.band_pixels ? ` ${count(proof.band_pixels)} pixels of the overlap are counted apart.` : "";
  if (holds) {
    return {
      holds,
      title: "Kept pixels proven unchanged",
      detail: `${count(proof.kept_pixels)} pixels kept, 0 changed.${band}`,
    };
  }
  return {
    holds,
    title: "Kept pixels changed by the format",
    detail:
      `${count(proof.kept_pixels_changed)} of ${count(proof.kept_pixels)} kept pixels changed, by at most ` +
      `${proof.max_difference} of 255: ${format.toUpperCase()} is lossy. PNG keeps them all.${band}`,
  };
}

export function describeTime(job: Job): string {
  if (!job.started_at || !job.finished_at) return "";
  const seconds = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

export function describePercent(share: number): string {
  const percent = 100 * share;
  if (percent === 0) return "0 %";
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}
