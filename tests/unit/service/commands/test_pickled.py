"""Tensors out of torch's files: equal to torch's own reading, and nothing of them is run."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from service.commands.pickled import convert

MARKER = "ran"


class Dangerous:
    """Writes a file when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.folder / MARKER, "")


def _net() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def _check(converted: Path, expected: dict[str, torch.Tensor]) -> None:
    found = load_file(converted)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_a_checkpoint_gives_its_net_and_runs_nothing(tmp_path: Path) -> None:
    state = _net().state_dict()
    # As trainers write them: other nets beside it, and objects of their own.
    checkpoint = {
        "state_dict": {
            **{f"generator.{name}": values for name, values in state.items()},
            "discriminator.0.weight": torch.ones(2),
        },
        "hyper_parameters": Dangerous(tmp_path),
        "callbacks": [Dangerous(tmp_path), {1, 2}],
    }
    torch.save(checkpoint, tmp_path / "best.ckpt")
    convert(tmp_path / "best.ckpt", tmp_path / "net.safetensors", "0.weight")
    # Both nets have a parameter of that name: the one with the shortest name is the net's.
    _check(tmp_path / "net.safetensors", dict(state))
    assert not (tmp_path / MARKER).exists()


def test_a_scripted_net_gives_its_parameters(tmp_path: Path) -> None:
    net = _net().eval()
    with warnings.catch_warnings():
        # TorchScript is on its way out; its files stay.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced: Any = torch.jit.trace
        torch.jit.save(traced(net, torch.zeros(1, 3, 8, 8)), tmp_path / "net.pt")
    convert(tmp_path / "net.pt", tmp_path / "net.safetensors", "0.weight")
    expected = {name: values for name, values in net.state_dict().items() if values.ndim}
    found = load_file(tmp_path / "net.safetensors")
    assert all(torch.equal(found[name], values) for name, values in expected.items())


def test_views_and_precisions_are_read_as_torch_reads_them(tmp_path: Path) -> None:
    whole = torch.arange(24, dtype=torch.float32)
    tensors = {
        "net.a": whole[4:16].reshape(3, 4),
        "net.b": torch.ones(2, 2, dtype=torch.bfloat16),
        "net.c": torch.tensor([1, 2]),
        "net.d": torch.tensor([True, False]),
    }
    torch.save(tensors, tmp_path / "net.pt")
    convert(tmp_path / "net.pt", tmp_path / "net.safetensors", "a")
    _check(
        tmp_path / "net.safetensors",
        {name.removeprefix("net."): values for name, values in tensors.items()},
    )


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: file.write_bytes(b"no archive"), "is not a file of torch.save"),
        (lambda file: zipfile.ZipFile(file, "w").close(), "is not a file of torch.save"),
        (lambda file: torch.save({"net.b": torch.ones(1)}, file), "has no parameter a"),
        (lambda file: _write_archive(file, b"\x80\x04junk"), "has a pickle that cannot be read"),
        (lambda file: _write_archive(file, pickle.dumps([1])), "has no parameter a"),
        (lambda file: _write_archive(file, pickle.dumps(_nest())), "has a pickle of too many"),
        # At the place 4,294,967,295 of what is remembered, which would take 32 GB.
        (lambda file: _write_archive(file, b"\x80\x04Nr\xff\xff\xff\xff."), "has a .* remembers"),
        (lambda file: _write_copies(file, 100), "names more bytes than it has"),
        (lambda file: _write_net(file, lacks="0"), "lacks bytes of a"),
        (lambda file: _write_net(file, zipfile.ZIP_DEFLATED), "names more bytes than it has"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, write: Any, message: str) -> None:
    write(tmp_path / "net.pt")
    with pytest.raises(ValueError, match=f"net.pt {message}"):
        convert(tmp_path / "net.pt", tmp_path / "net.safetensors", "a")


def _write_archive(file: Path, data: bytes) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/data.pkl", data)


def _nest() -> dict[str, Any]:
    """Return a few dictionaries that hold each other in two billion ways."""
    nested: dict[str, Any] = {}
    for _ in range(31):
        nested = {"a": nested, "b": nested}
    return nested


def _write_copies(file: Path, copies: int) -> None:
    one = torch.ones(100_000)
    torch.save(dict.fromkeys(["a", *map(str, range(copies))], one), file)


def _write_net(file: Path, compression: int = zipfile.ZIP_STORED, lacks: str = "") -> None:
    torch.save({"a": torch.zeros(100_000)}, file)
    with zipfile.ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in kept.items():
            if Path(name).name != lacks:
                archive.writestr(name, data)
