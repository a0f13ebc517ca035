"""Mark results, so that edited pictures can be recognized as such."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from service.contract.catalogue import SELF_MODEL, Catalogue
from service.contract.jobs import JobSpec
from service.contract.setting_errors import SettingsError
from service.pictures.xmp import EDITED_BY_COPYING, EDITED_BY_MODEL, write_packet
from worker.config import WorkerSettings
from worker.imaging.picture import Picture

if TYPE_CHECKING:
    from worker.operations.signing import Signer


@dataclass(frozen=True)
class Marking:
    """Settings by which the results of a deployment are marked.

    Attributes:
        tells_source_type: whether XMP contains the digital source type.
        untrained_models: models of `generate` that learned from nothing but the picture itself.
        signer: signs results; `None` leaves them unsigned.
    """

    tells_source_type: bool = True
    untrained_models: frozenset[str] = frozenset()
    signer: Signer | None = None

    @classmethod
    def from_settings(cls, settings: WorkerSettings, catalogue: Catalogue) -> Marking:
        """Return the marking that a worker's settings ask for.

        Raises:
            SettingsError: nothing can be signed by what the settings name.
        """
        untrained = (each.name for each in catalogue.models if each.family == SELF_MODEL.family)
        return cls(settings.digital_source_type, frozenset(untrained), open_signer(settings))

    def source_type(self, spec: JobSpec) -> str:
        """Return the URI of the digital source type of a job's results.

        Why those two: docs/provenance.md.
        """
        is_trained = spec.method == "generate" and spec.model not in self.untrained_models
        return EDITED_BY_MODEL if is_trained else EDITED_BY_COPYING

    def mark(self, picture: Picture, spec: JobSpec) -> Picture:
        """Return the picture with its XMP; its pixels are the same."""
        if not self.tells_source_type:
            return picture
        return replace(picture, xmp=write_packet(self.source_type(spec)))


MARKED = Marking()
"""The marking of a worker without settings for it."""


def open_signer(settings: WorkerSettings) -> Signer | None:
    """Return the signer of results; `None` if none is configured.

    Raises:
        SettingsError: its certificate or key does not do, or the extra is not installed.
    """
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        return None
    if find_spec("c2pa") is None:
        raise SettingsError(
            "PAINTJOB_C2PA_CERTIFICATE is set: install the extra `provenance` to sign (see "
            "docs/provenance.md)"
        )
    # Here and not at the top: most workers sign nothing, and have not installed it.
    from worker.operations.signing import Signer

    certificate, key = settings.c2pa_certificate, settings.c2pa_key
    try:
        return Signer.open(certificate, key)
    except (OSError, ValueError) as error:
        names = f"PAINTJOB_C2PA_CERTIFICATE={certificate}, PAINTJOB_C2PA_KEY={key}"
        raise SettingsError(f"{names}: {error}") from None
