"""C2PA: results signed with the operator's own certificate. Needs the extra `provenance`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import c2pa  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image

from service.contract.errors import SigningFailed
from service.pictures.c2pa import OFFLINE
from worker.operations.manifest import INGREDIENT, OPENED, File, make_manifest

_CURVES: Final[Mapping[str, bytes]] = {
    "secp256r1": b"es256",
    "secp384r1": b"es384",
    "secp521r1": b"es512",
}

# Thumbnails would show in the result what was painted over.
_SETTINGS: Final = OFFLINE | {"builder": {"thumbnail": {"enabled": False}}}


class Signer:
    """Signs files with one certificate.

    Args:
        chain: certificates in PEM, the signer's own first.
        key: its private key in PEM, not encrypted.

    Raises:
        ValueError: they are not what C2PA can sign with.
    """

    def __init__(self, chain: bytes, key: bytes) -> None:
        try:
            info = c2pa.C2paSignerInfo(_find_algorithm(key), chain, key, None)
            self._signer = c2pa.Signer.from_info(info)
            self._context = c2pa.Context.from_dict(_SETTINGS)
        except (c2pa.C2paError, TypeError) as error:
            raise ValueError(f"the C2PA certificate or key cannot be used: {error}") from None

    @classmethod
    def open(cls, certificate: Path, key: Path) -> Signer:
        """Read certificate chain and key, and sign a trial picture with them.

        Raises:
            OSError: a file cannot be read.
            ValueError: they do not belong together, or are not what C2PA can sign with.
        """
        signer = cls(certificate.read_bytes(), key.read_bytes())
        signer.try_out()
        return signer

    def sign(self, result: File, source: File, manifest: Mapping[str, Any]) -> bytes:
        """Return the result's file with a signed manifest; its pixels are the same.

        Args:
            result: what is signed.
            source: the input, which the manifest names as the parent.
            manifest: a manifest definition; its actions call the input `source`.

        Raises:
            SigningFailed: the file or its source cannot be signed, with the reason.
        """
        signed = BytesIO()
        ingredient = {"title": INGREDIENT, "label": INGREDIENT, "relationship": "parentOf"}
        try:
            with c2pa.Builder(dict(manifest), self._context) as builder:
                builder.add_ingredient(ingredient, source.media_type, BytesIO(source.data))
                builder.sign(self._signer, result.media_type, BytesIO(result.data), signed)
        except c2pa.C2paError as error:
            raise SigningFailed from error
        return signed.getvalue()

    def try_out(self) -> None:
        """Sign a trial picture: a key of another certificate would else be found by receivers.

        Raises:
            ValueError: the signature does not hold.
        """
        trial = File(_make_trial(), "image/png")
        try:
            signed = self.sign(trial, trial, make_manifest("trial", [OPENED]))
            with c2pa.Reader("image/png", BytesIO(signed), context=self._context) as reader:
                state, report = reader.get_validation_state(), json.loads(reader.json())
        except (SigningFailed, c2pa.C2paError) as error:
            reason = error.__cause__ or error
            raise ValueError(f"the C2PA certificate and key cannot sign: {reason}") from None
        if state == "Invalid":
            codes = ", ".join(each["code"] for each in report.get("validation_status", ()))
            raise ValueError(f"what the C2PA key signs does not hold by its certificate: {codes}")


def _find_algorithm(key: bytes) -> bytes:
    """Return C2PA's name of the algorithm that a key signs by. Source: C2PA 2.4, 13.2.

    Raises:
        ValueError, TypeError: it is no key in PEM, is encrypted, or of a kind that C2PA lacks.
    """
    loaded = load_pem_private_key(key, password=None)
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and loaded.curve.name in _CURVES:
        return _CURVES[loaded.curve.name]
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(loaded, rsa.RSAPrivateKey):
        return b"ps256"
    raise ValueError("the C2PA key is of a kind that C2PA does not know")


def _make_trial() -> bytes:
    buffer = BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()
