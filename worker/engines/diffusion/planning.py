"""The plan of calls: rounds of passes, calls of a round, pictures of a call.

It follows from sizes and masks alone, so it is complete before anything is painted, and progress
can be reported over all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from service.contract.catalogue import ModelEntry
from service.contract.errors import InvalidField
from service.contract.geometry import Box
from service.contract.params import Infill
from worker.engines.base import Canvas
from worker.engines.diffusion.cropping import Cropper, find_regions
from worker.engines.diffusion.families.base import Adapter, CallInputs, Settings
from worker.engines.diffusion.framing import Frame, cut_size, fit_frame
from worker.engines.diffusion.infilling import choose_infill
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.loras import LoraSet
from worker.engines.diffusion.passes import Pass, inside, plan_passes
from worker.imaging import MaskArray
from worker.imaging.geometry import fit_size

_Value = TypeVar("_Value")

MostPictures = Callable[[Settings, int], int]
"""Returns how many of some pictures fit into memory in a call of these settings, at least 1."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a canvas that the model sees as one picture.

    Attributes:
        index: of its canvas.
        whole: its pass.
        box: where it lies on the canvas.
        size: width and height at which the model sees it.
        infill: of its hole, before the model begins.
    """

    index: int
    whole: Pass
    box: Box
    size: tuple[int, int]
    infill: Infill

    @property
    def canvas(self) -> Canvas:
        """Its canvas."""
        return self.whole.canvas

    @property
    def hole(self) -> MaskArray:
        """Its mask: uint8 (H, W) of its box, 255 repaint."""
        return self.whole.mask[inside(self.box, self.whole.box)]

    @property
    def unseen(self) -> MaskArray:
        """The part without picture yet, in the same form."""
        return self.whole.unseen[inside(self.box, self.whole.box)]


@dataclass(frozen=True, eq=False)
class CallPicture:
    """One picture of a call.

    Attributes:
        piece: that it paints.
        frame: the model's input.
    """

    piece: Piece
    frame: Frame

    @property
    def index(self) -> int:
        """The index of its canvas."""
        return self.piece.index

    @property
    def canvas(self) -> Canvas:
        """Its canvas."""
        return self.piece.canvas


@dataclass(frozen=True, eq=False)
class Call:
    """One pipeline call.

    Attributes:
        settings: that its pictures share.
        pictures: at least one.
        steps_run: how many steps it will report.
    """

    settings: Settings
    pictures: tuple[CallPicture, ...]
    steps_run: int

    def halves(self) -> tuple[Call, Call]:
        """Return two calls with half of the pictures each."""
        middle = len(self.pictures) // 2
        first, second = self.pictures[:middle], self.pictures[middle:]
        return Call(self.settings, first, self.steps_run), Call(
            self.settings, second, self.steps_run
        )

    def to_inputs(self, entry: ModelEntry) -> CallInputs:
        """Return the inputs for the adapter."""
        default = entry.defaults.negative_prompt
        params = [picture.canvas.params for picture in self.pictures]
        return CallInputs(
            images=[Image.fromarray(picture.frame.image) for picture in self.pictures],
            masks=[Image.fromarray(picture.frame.mask) for picture in self.pictures],
            prompts=[one.painted_prompt for one in params],
            negative_prompts=[_either(one.negative_prompt, default) for one in params],
            seeds=[picture.piece.whole.seed for picture in self.pictures],
            settings=self.settings,
            references=[
                Image.fromarray(picture.frame.reference)
                for picture in self.pictures
                if picture.frame.reference is not None
            ],
        )


@dataclass(frozen=True, eq=False)
class PlannedCall:
    """A call without its pictures yet: an earlier pass may have to paint them.

    Attributes:
        settings: that its pictures share.
        pieces: one for each picture.
        steps_run: how many steps it will report.
    """

    settings: Settings
    pieces: tuple[Piece, ...]
    steps_run: int


def plan_rounds(
    canvases: Sequence[Canvas], model: LoadedModel, most_pictures: MostPictures | None = None
) -> list[list[PlannedCall]]:
    """Return the calls of each round of passes; each round sees the pixels of the previous one.

    Args:
        canvases: what to paint.
        model: that paints.
        most_pictures: bounds the pictures of a call, besides the model's `max_batch`.

    Raises:
        InvalidField: strength and steps leave no step to run, or the infill is not possible.
    """
    passes = [plan_passes(canvas) for canvas in canvases]
    rounds = max(map(len, passes), default=0)
    turns = [
        [(i, own[turn]) for i, own in enumerate(passes) if turn < len(own)]
        for turn in range(rounds)
    ]
    return [_plan_calls(turn, model, most_pictures) for turn in turns]


def _plan_calls(
    passes: Sequence[tuple[int, Pass]], model: LoadedModel, most_pictures: MostPictures | None
) -> list[PlannedCall]:
    """Group pieces of equal size and settings into calls, up to the limit of a call.

    A canvas with `deterministic` shares no call with others, so that they cannot change it.
    """
    groups: dict[tuple[Settings, int | None], list[Piece]] = {}
    for index, whole in passes:
        alone = index if whole.canvas.params.deterministic else None
        for piece in _find_pieces(index, whole, model):
            settings = make_settings(piece, model.entry, model.adapter)
            groups.setdefault((settings, alone), []).append(piece)
    calls = []
    for (settings, alone), pieces in groups.items():
        # Nor may the free memory decide how its regions share calls.
        most = len(pieces) if alone is None else 1
        limit = _limit_pictures(model, settings, most, most_pictures)
        steps = _count_steps(model, settings)
        parts = [tuple(pieces[start : start + limit]) for start in range(0, len(pieces), limit)]
        calls += [PlannedCall(settings, part, steps) for part in parts]
    return calls


def _limit_pictures(
    model: LoadedModel, settings: Settings, pictures: int, most_pictures: MostPictures | None
) -> int:
    """Return how many of some pictures fit into a call, at least 1."""
    limit = min(pictures, model.entry.max_batch if model.entry.traits.shares_calls else 1)
    return limit if most_pictures is None or limit == 1 else most_pictures(settings, limit)


def _find_pieces(index: int, whole: Pass, model: LoadedModel) -> list[Piece]:
    """Return the pieces of a pass."""
    entry, most = model.entry, model.adapter.max_pixels
    params = whole.canvas.params
    strength = find_strength(whole.canvas, entry, model.adapter)
    infill = choose_infill(whole.canvas, entry.traits, strength)
    cropper = Cropper(whole.box.width, whole.box.height, entry, params.padding, most)
    return [
        Piece(
            index,
            whole,
            _shift(box, whole.box),
            fit_frame(box.width, box.height, entry, most),
            infill,
        )
        for box in find_regions(whole.mask, cropper, params.region)
    ]


def _shift(box: Box, by: Box) -> Box:
    """Return a box of a part in coordinates of the whole."""
    return Box(
        left=box.left + by.left,
        top=box.top + by.top,
        right=box.right + by.left,
        bottom=box.bottom + by.top,
    )


def make_settings(piece: Piece, entry: ModelEntry, adapter: Adapter) -> Settings:
    """Return a piece's settings: as requested, else the model's defaults; without ignored ones."""
    params, defaults = piece.canvas.params, entry.defaults
    width, height = piece.size
    return Settings(
        width=width,
        height=height,
        steps=_either(params.num_inference_steps, defaults.num_inference_steps),
        strength=find_strength(piece.canvas, entry, adapter),
        guidance_scale=_either(params.guidance_scale, defaults.guidance_scale),
        max_sequence_length=find_sequence_length(entry, adapter),
        loras=find_loras(piece.canvas),
        reference=find_reference_size(piece, entry, adapter),
    )


def find_loras(canvas: Canvas) -> LoraSet:
    """Return the optional LoRAs that a canvas is painted with, in an order of their own."""
    asked = canvas.params.loras or ()
    return tuple(sorted((one.name, 1.0 if one.scale is None else one.scale) for one in asked))


def find_reference_size(
    piece: Piece, entry: ModelEntry, adapter: Adapter
) -> tuple[int, int] | None:
    """Return width and height of the picture that is only looked at; `None` for none.

    The pictures of a call must have references of one size. The caller's is never enlarged, but
    rounded to what the pipeline takes.
    """
    own, asked = piece.canvas.reference, piece.canvas.params.reference
    if adapter.reference is None or (own is None and asked in (None, "none")):
        return None
    if own is None:
        return piece.size
    height, width = own.shape[:2]
    pixels = min(height * width, adapter.max_pixels or entry.native_pixels)
    size = fit_size(width, height, pixels, entry.size_multiple)
    return cut_size(*size, max(pixels, entry.size_multiple**2), entry.size_multiple)


def find_sequence_length(entry: ModelEntry, adapter: Adapter) -> int | None:
    """Return the length of prompts in tokens; `None` if the encoder has its own."""
    length = adapter.sequence_length
    return None if length is None else entry.max_sequence_length or length


def find_strength(canvas: Canvas, entry: ModelEntry, adapter: Adapter) -> float:
    """Return the share of noise that painting begins with, (0, 1]."""
    asked, default = canvas.params.strength, entry.defaults.strength
    return _either(asked, default) if adapter.takes_strength else 1.0


def _count_steps(model: LoadedModel, settings: Settings) -> int:
    steps = model.adapter.steps_run(model.pipeline, settings)
    if steps < 1:
        raise InvalidField("strength x num_inference_steps leaves no step to run; raise one")
    return steps


def _either(asked: _Value | None, default: _Value) -> _Value:
    return default if asked is None else asked
