"""SAM 3: every thing that words name.

Source: N. Carion et al., "SAM 3: Segment Anything with Concepts", 2025.
"""

from __future__ import annotations

from typing import Final

from worker.engines.base import StepCallback
from worker.engines.diffusion.finders.base import HALVES, ModelFinder
from worker.engines.diffusion.finders.sam2 import enlarge, to_mask
from worker.engines.finders.base import Found, Query
from worker.engines.finders.cropping import crop_found
from worker.imaging import ImageArray

MOST: Final = 50
"""Things of one query, the surest first."""


class Sam3Finder(ModelFinder):
    """Finds all things that a few words name."""

    model_class = "Sam3Model"
    reads_words = True

    def _find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        on_step(0, 2)
        size = self._model.config.image_size
        side = int(size if isinstance(size, int) else size[0])
        planes = self._make_planes(image, (side, side), HALVES)
        limit = self._model.config.text_config.max_position_embeddings
        tokens, is_cut = self._read_words(query.words, padding="max_length", max_length=limit)
        output = self._model(pixel_values=planes, **tokens)
        on_step(1, 2)
        scores = output.pred_logits[0].float().sigmoid()
        if output.presence_logits is not None:
            scores = scores * output.presence_logits[0].float().sigmoid()
        order = scores.argsort(descending=True, stable=True)[:MOST].tolist()
        found: list[Found] = []
        for index in order:
            if float(scores[index]) < query.min_score:
                break
            shares = output.pred_masks[0, index].float().sigmoid()
            mask = to_mask(enlarge(shares, image.shape[1], image.shape[0]) > 0.5)
            details = {"words_cut": True} if is_cut else {}
            found += crop_found(mask, float(scores[index]), query.words, details)
        on_step(2, 2)
        return found
