/** All variants of a job, with the picture before them. */

import { useEffect, useMemo } from "preact/hooks";
import { describeEstimate } from "./words";
import * as state from "./state";

export function SideBySide() {
  const shown = state.shown.value!;
  const urls = useMemo(
    () => [shown.picture.file, ...shown.results.map((each) => each.blob)].map((blob) => URL.createObjectURL(blob)),
    [shown],
  );
  useEffect(() => () => urls.forEach((url) => URL.revokeObjectURL(url)), [urls]);
  const look = (index: number) => {
    state.chosen.value = index;
    state.isSideBySide.value = false;
  };
  return (
    <ul class="side-by-side" aria-label="Variants">
      <li>
        <figure>
          <img src={urls[0]} alt="The picture that was sent" />
          <figcaption>Before</figcaption>
        </figure>
      </li>
      {shown.job.outputs.map((output, index) => (
        <li>
          <button type="button" class="variant" onClick={() => look(index)}>
            <figure>
              <img src={urls[index + 1]} alt={`Variant ${index + 1}`} />
              <figcaption>
                <strong>Variant {index + 1}</strong> <span>seed {output.seed}</span>{" "}
                {output.estimate !== null && <span>{describeEstimate(output.estimate).short}</span>}
              </figcaption>
            </figure>
          </button>
        </li>
      ))}
    </ul>
  );
}
