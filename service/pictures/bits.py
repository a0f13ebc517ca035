"""Reads numbers of any length in bits, from the start of bytes."""

from __future__ import annotations

MAX_PREFIX_BITS = 32


class BitReader:
    """Reads bits in order, the highest of each byte first.

    Args:
        data: what is read.
    """

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Return a number of so many bits.

        Raises:
            ValueError: fewer bits are left.
        """
        if count > self._left:
            raise ValueError("the bits end early")
        self._left -= count
        return self._bits >> self._left & (1 << count) - 1

    def take_golomb(self) -> int:
        """Return a number whose length its leading zeros tell. Source: ITU-T H.265, 9.2.

        Raises:
            ValueError: it is longer than any such number, or the bits end early.
        """
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > MAX_PREFIX_BITS:
                raise ValueError("the number is too long")
        return (1 << zeros) - 1 + self.take(zeros)
