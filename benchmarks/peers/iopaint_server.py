"""Starts IOPaint's server in its own environment: `python iopaint_server.py PORT`.

Nothing of the repository is imported here. IOPaint imports torchvision at start, though its model
`cv2` has no use for it; where torchvision was built for another torch, the operators that its
import asks for are declared, never to be called.
"""

import importlib
import sys
from typing import Any


def main(port: str) -> None:
    """Serve on the loopback interface until the process is ended."""
    torch: Any = importlib.import_module("torch")
    if "+cpu" in torch.__version__:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    iopaint: Any = importlib.import_module("iopaint")
    sys.argv = ["iopaint", "start", "--model", "cv2", "--device", "cpu", "--port", port]
    iopaint.entry_point()


if __name__ == "__main__":
    main(sys.argv[1])
