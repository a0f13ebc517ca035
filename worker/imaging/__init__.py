"""Pictures as arrays: decode, mask, composite, encode, prove. Knows no jobs, engines or files."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ImageArray: TypeAlias = NDArray[np.uint8]
"""RGB uint8 (H, W, 3), or gray uint8 (H, W) where a docstring says so."""

MaskArray: TypeAlias = NDArray[np.uint8]
"""uint8 (H, W): 255 repaint, 0 keep, nothing between."""

DeepArray: TypeAlias = NDArray[np.uint16]
"""As `ImageArray` or `AlphaArray`, of 16 bits a channel."""

AlphaArray: TypeAlias = NDArray[np.uint8]
"""uint8 (H, W): 255 opaque, 0 transparent; not premultiplied."""
