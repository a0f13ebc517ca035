"""Graphs in ONNX' format: opened, checked against what their family promises, run and stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.contract.catalogue import ModelEntry
from service.contract.errors import GpuOutOfMemory, ModelUnavailable, OutOfMemory
from service.contract.finders import FinderEntry
from worker.engines.pinning import find_folder
from worker.processors import count_threads

Shape = tuple[int | None, ...]
"""Sizes of the axes; `None` for any."""

POLL_SECONDS: Final = 0.05
"""Seconds after which a run is asked again whether it is still wanted."""

ERRORS_ONLY: Final = 3
ACCELERATOR: Final = "CUDAExecutionProvider"


@dataclass(frozen=True)
class Tensor:
    """An input or an output of a graph, as its family promises it.

    Attributes:
        shape: sizes of its axes.
        kind: its element type by onnxruntime's name.
        name: its name; empty if the family promises none.
    """

    shape: Shape
    kind: str = "tensor(float)"
    name: str = ""


class Graph:
    """One graph in memory.

    Args:
        entry: the model, for errors.
        file: in ONNX' format.
        inputs: that the family promises, in order.
        outputs: likewise; only these are asked for.
        threads: threads of a run; 0 for all that this process may use.
        has_more: whether the graph may have further outputs after those.

    Raises:
        ModelUnavailable: the file cannot be read, or is another graph.
    """

    def __init__(
        self,
        entry: ModelEntry | FinderEntry,
        file: Path,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        threads: int = 0,
        *,
        has_more: bool = False,
    ) -> None:
        self._session = _open(entry, file, threads)
        self._what = f"the file {file.name} of the model {entry.name}"
        self.inputs = self._match("input", self._session.get_inputs(), inputs)
        found = self._session.get_outputs()
        self.outputs = self._match("output", found[: len(outputs)] if has_more else found, outputs)

    @property
    def device(self) -> str:
        """Kind of its device: `cuda` or `cpu`."""
        return "cuda" if ACCELERATOR in self._session.get_providers() else "cpu"

    @property
    def shares_calls(self) -> bool:
        """True if a run takes any number of pictures."""
        return self.inputs[0].shape[0] is None

    def run(
        self, arrays: Sequence[NDArray[Any]], check: Callable[[], None]
    ) -> list[NDArray[np.float32]]:
        """Run the graph.

        Args:
            arrays: the inputs, in order.
            check: called before and regularly meanwhile; if it raises, the run is stopped.

        Raises:
            OutOfMemory, GpuOutOfMemory: the memory does not hold the run.
        """
        check()
        given = {each.name: array for each, array in zip(self.inputs, arrays, strict=True)}
        options = onnxruntime.RunOptions()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self._run, given, options)
            while True:
                try:
                    return running.result(timeout=POLL_SECONDS)
                except TimeoutError:
                    if running.done():
                        raise
                try:
                    check()
                except BaseException:
                    options.terminate = True
                    raise

    def _run(
        self, given: Mapping[str, NDArray[Any]], options: onnxruntime.RunOptions
    ) -> list[NDArray[np.float32]]:
        try:
            names = [each.name for each in self.outputs]
            return list(self._session.run(names, dict(given), options))
        except Exception as error:
            if "allocate memory" not in str(error).lower():
                raise
        if self.device == "cpu":
            raise OutOfMemory(f"the worker's memory does not hold a call of {self._what}")
        raise GpuOutOfMemory(f"the accelerator's memory does not hold a call of {self._what}")

    def _match(
        self, role: str, found: Sequence[Any], expected: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Return what the graph has, after it was compared with what its family promises."""
        described = tuple(Tensor(_read_shape(each.shape), each.type, each.name) for each in found)
        fits = len(found) == len(expected) and all(
            _fits(has, wanted) for has, wanted in zip(described, expected, strict=True)
        )
        if not fits:
            raise ModelUnavailable(
                f"{self._what} is another graph: its {role}s are {_tell(described)}, and the "
                f"family has {_tell(expected)}"
            )
        return described


def find_file(entry: ModelEntry, name: str) -> Path:
    """Return the path of one file of a model; its source may be that file itself.

    Raises:
        ModelUnavailable: it is not here.
    """
    source = Path(entry.source)
    if source.is_file() and len(entry.files) == 1:
        return source
    file = find_folder(entry.name, entry.source, entry.revision, list(entry.files)) / name
    if not file.is_file():
        raise ModelUnavailable(f"the model {entry.name} has no file {name} in {entry.source}")
    return file


def check_float32(entry: ModelEntry) -> None:
    """Check that a model is asked for in the precision of its file.

    Raises:
        ModelUnavailable: it is not.
    """
    if entry.dtype != "float32":
        raise ModelUnavailable(
            f"the model {entry.name} has the precision of its file; leave out dtype {entry.dtype}"
        )


def describe_runtime(graph: Graph) -> dict[str, Any]:
    """Return what a recipe says of how a graph was run."""
    return {
        "engine": "onnxruntime",
        "device": graph.device,
        "versions": {"onnxruntime": str(onnxruntime.__version__)},
    }


def _open(
    entry: ModelEntry | FinderEntry, file: Path, threads: int
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or count_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Threads that spin for work cost their neighbors four times the time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = (ACCELERATOR, "CPUExecutionProvider")
    providers = [each for each in wanted if each in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=providers)
    # Broken files raise nearly anything of onnxruntime's own classes.
    except Exception as error:
        detail = f"the file {file.name} of the model {entry.name} cannot be read as ONNX"
        raise ModelUnavailable(detail) from error


def _read_shape(shape: Sequence[Any]) -> Shape:
    """Return the sizes of axes; onnxruntime names those that are free."""
    return tuple(size if isinstance(size, int) else None for size in shape)


def _fits(has: Tensor, wanted: Tensor) -> bool:
    """Return whether a tensor takes what the family promises; a free axis takes anything."""
    same = has.kind == wanted.kind and wanted.name in ("", has.name)
    pairs = zip(has.shape, wanted.shape, strict=False)
    return (
        same
        and len(has.shape) == len(wanted.shape)
        and all(None in (size, other) or size == other for size, other in pairs)
    )


def _tell(tensors: Sequence[Tensor]) -> str:
    return ", ".join(
        f"{each.name} {each.kind} [{', '.join(map(_tell_size, each.shape))}]".strip()
        for each in tensors
    )


def _tell_size(size: int | None) -> str:
    return "any" if size is None else str(size)
