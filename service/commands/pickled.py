"""Tensors out of torch's files, and into safetensors, without running what the files say.

A file of `torch.save` or of TorchScript is a zip archive: a pickle that names tensors, and their
bytes beside it. A pickle is a program; here every name in it but those of tensors stands for an
object that does nothing, and no torch is needed.

Source: the format of safetensors, https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import io
import json
import pickle  # nosec B403
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

STORAGES: Final = {
    "DoubleStorage": ("F64", 8),
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}
"""For each storage of torch, the type's name in safetensors and its bytes."""

MOST_PICKLE_BYTES: Final = 64 * 1024 * 1024
"""Largest pickle that is read: it only names the tensors."""

DEEPEST: Final = 32
"""Most folders of names; deeper ones are of an object that refers to itself."""

MOST_SHARED: Final = 4
"""Most tensors of a net that share their bytes with others, on average."""

MOST_NODES: Final = 1_000_000
"""Most objects that are looked through: a few that hold each other can stand for billions."""


_REMEMBERS: Final = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


@dataclass(frozen=True)
class _Storage:
    """Bytes of an archive: their type, and the file they are in."""

    kind: str
    size: int
    key: str


@dataclass(frozen=True)
class PickledTensor:
    """A tensor of an archive.

    Attributes:
        kind: type of its elements by its name in safetensors.
        shape: sizes of its axes.
        file: name in the archive of the file that has its bytes.
        start: place of its first byte in that file.
        length: in bytes.
    """

    kind: str
    shape: tuple[int, ...]
    file: str
    start: int
    length: int


class _Inert:
    """Stands for an object of a class that is not a tensor's; keeps what it is given."""

    state: dict[Any, Any]

    # Not in __init__: a pickle need not call that.
    def __new__(cls, *_arguments: object, **_named: object) -> _Inert:
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_arguments: object, **_named: object) -> None:
        """Take anything."""

    def __call__(self, *_arguments: object) -> _Inert:
        return _Inert()

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.state.update(state)

    def __setitem__(self, key: object, value: object) -> None:
        self.state[key] = value

    def append(self, _value: object) -> None:
        """Take an element of a list."""

    def extend(self, _values: object) -> None:
        """Take elements of a list."""

    def add(self, _value: object) -> None:
        """Take an element of a set."""


class _Unpickler(pickle.Unpickler):
    """Reads a pickle in which every name but those of tensors stands for nothing."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle stands for."""
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        if module in ("torch", "torch.storage") and name in STORAGES:
            return name
        return known.get((module, name), _Inert)

    def persistent_load(self, pid: Any) -> _Storage | None:
        """Return the storage that the pickle names."""
        if not isinstance(pid, tuple) or len(pid) < 3 or pid[0] != "storage":
            return None
        kind, size = STORAGES.get(str(pid[1]), ("", 0))
        return _Storage(kind, size, str(pid[2]))


def _rebuild(
    storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> PickledTensor | None:
    """Return a tensor; `None` for one whose elements are not in order, or of an unknown type."""
    if not isinstance(storage, _Storage) or not storage.size:
        return None
    length, expected = storage.size, []
    for size in reversed(shape):
        expected.append(length // storage.size)
        length *= size
    in_order = all(
        size == 1 or stride == wanted
        for size, stride, wanted in zip(shape, strides, reversed(expected), strict=True)
    )
    if not in_order:
        return None
    return PickledTensor(storage.kind, tuple(shape), storage.key, offset * storage.size, length)


def read_names(archive: zipfile.ZipFile) -> dict[str, PickledTensor]:
    """Return the tensors of an archive of torch by their names.

    Raises:
        ValueError: it is no such archive.
    """
    pickles = [name for name in archive.namelist() if PurePosixPath(name).name == "data.pkl"]
    if len(pickles) != 1:
        raise ValueError("is not a file of torch.save or TorchScript")
    if archive.getinfo(pickles[0]).file_size > MOST_PICKLE_BYTES:
        raise ValueError("has a pickle that is too large to only name tensors")
    try:
        data = archive.read(pickles[0])
        _check_places(data)
        found = _Unpickler(io.BytesIO(data)).load()  # nosec B301
    # A pickle that is not torch's may break in any way.
    except Exception as error:
        raise ValueError(f"has a pickle that cannot be read: {error}") from error
    folder = str(PurePosixPath(pickles[0]).parent / "data")
    named = dict(_walk(found, (), DEEPEST, count(1)))
    return {
        name: PickledTensor(
            tensor.kind, tensor.shape, f"{folder}/{tensor.file}", tensor.start, tensor.length
        )
        for name, tensor in named.items()
    }


def _check_places(data: bytes) -> None:
    """Check that a pickle remembers no object at a place past its own length.

    Memory is taken up to the highest place: a few bytes could take all that the machine has.

    Raises:
        ValueError: it does, or is cut short.
    """
    for code, place, _ in pickletools.genops(data):
        if code.name in _REMEMBERS and (place or 0) > len(data):
            raise ValueError("it remembers more objects than it has")


def _walk(
    found: object, path: tuple[str, ...], levels: int, nodes: Iterator[int]
) -> Iterator[tuple[str, PickledTensor]]:
    if next(nodes) > MOST_NODES:
        raise ValueError("has a pickle of too many objects to only name tensors")
    if isinstance(found, PickledTensor):
        yield ".".join(path), found
    elif levels:
        children = found.state if isinstance(found, _Inert) else found
        if isinstance(children, dict):
            for name, child in children.items():
                yield from _walk(child, (*path, str(name)), levels - 1, nodes)


def convert(source: Path, target: Path, last_name: str) -> None:
    """Write the tensors of one net of torch's file as safetensors.

    A checkpoint of training holds several nets; only the one of a known parameter is written.

    Args:
        source: file of `torch.save` or TorchScript.
        target: file to write.
        last_name: end of the name of one of the net's parameters. Names are written without what
            stands before it.

    Raises:
        ValueError: the file is none of torch's, or has no such parameter.
        OSError: a file cannot be read or written.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            tensors = _choose(read_names(archive), last_name)
            _check_bytes(archive, tensors, source.stat().st_size)
            with target.open("wb") as file:
                _write(archive, tensors, file)
    except zipfile.BadZipFile:
        raise ValueError(f"{source.name} is not a file of torch.save or TorchScript") from None
    except ValueError as error:
        raise ValueError(f"{source.name} {error}") from None


def _choose(tensors: Mapping[str, PickledTensor], last_name: str) -> dict[str, PickledTensor]:
    found = [name for name in tensors if name == last_name or name.endswith(f".{last_name}")]
    if not found:
        raise ValueError(f"has no parameter {last_name}")
    # A checkpoint may hold an average of the weights too: the shortest name is that of the net.
    prefix = min(found, key=len).removesuffix(last_name)
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _check_bytes(archive: zipfile.ZipFile, tensors: Mapping[str, PickledTensor], size: int) -> None:
    """Check that the bytes of tensors are in an archive, which compresses none of them.

    Args:
        archive: with the tensors.
        tensors: by name; they may share bytes.
        size: of the archive.

    Raises:
        ValueError: a file is missing, or they are of more bytes than the archive can have.
    """
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    for name, tensor in tensors.items():
        if tensor.file not in sizes:
            raise ValueError(f"lacks bytes of {name}")
    read = sum(sizes[file] for file in {tensor.file for tensor in tensors.values()})
    written = sum(tensor.length for tensor in tensors.values())
    if read > size or written > MOST_SHARED * size:
        raise ValueError("names more bytes than it has")


def _write(archive: zipfile.ZipFile, tensors: Mapping[str, PickledTensor], file: BinaryIO) -> None:
    header: dict[str, Any] = {}
    place = 0
    for name, tensor in tensors.items():
        offsets = [place, place + tensor.length]
        header[name] = {"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": offsets}
        place += tensor.length
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name, tensor in tensors.items():
        data = archive.read(tensor.file)[tensor.start : tensor.start + tensor.length]
        if len(data) != tensor.length:
            raise ValueError(f"lacks bytes of {name}")
        file.write(data)
