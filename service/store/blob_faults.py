"""Find why the blob store cannot be used: the true cause, in words for the operator."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError


@dataclass(frozen=True)
class BlobFault:
    """One reason why the blob store cannot be used.

    Attributes:
        cause: a word for it, the same for every case of its kind.
        detail: what is wrong, and what to do.
    """

    cause: str
    detail: str


_NUMBER = re.compile(r"\(os error (\d+)\)")
_BY_NUMBER = {
    errno.ENOSPC: BlobFault("full", "the disk is full"),
    errno.EDQUOT: BlobFault("full", "the quota of the disk is used up"),
    errno.EROFS: BlobFault("read_only", "the file system is read-only"),
    errno.EACCES: BlobFault("not_permitted", "this user may not write the folder"),
    errno.EPERM: BlobFault("not_permitted", "this user may not write the folder"),
    errno.ENOENT: BlobFault("missing", "the folder does not exist any more"),
    errno.ENOTDIR: BlobFault("missing", "a part of the folder's path is a file"),
}

_NO_CREDENTIALS = BlobFault(
    "no_credentials",
    "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a "
    "role grants access",
)

# What the library's messages contain, in the order in which they are looked for.
_BY_TEXT = (
    (
        re.compile(r"computeMetadata"),
        BlobFault(
            "no_credentials",
            "there are no credentials; set GOOGLE_APPLICATION_CREDENTIALS, or run where a service "
            "account grants access",
        ),
    ),
    (
        re.compile(r"metadata/identity"),
        BlobFault(
            "no_credentials",
            "there are no credentials; set AZURE_STORAGE_ACCOUNT_NAME and "
            "AZURE_STORAGE_ACCOUNT_KEY, or run where an identity grants access",
        ),
    ),
    (re.compile(r"latest/api/token|security-credentials"), _NO_CREDENTIALS),
    (
        re.compile(r"NoSuchBucket"),
        BlobFault("no_bucket", "there is no such bucket; check PAINTJOB_BLOB_URL and AWS_REGION"),
    ),
    (
        re.compile(r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken"),
        BlobFault("wrong_credentials", "the credentials are refused; check the AWS_ variables"),
    ),
    (
        re.compile(r"AccessDenied|403 Forbidden"),
        BlobFault("not_permitted", "the credentials do not permit it"),
    ),
    (
        re.compile(r"dns error"),
        BlobFault("unknown_host", "the endpoint's name cannot be resolved; check AWS_ENDPOINT"),
    ),
    (
        re.compile(r"certificate|InvalidCertificate|UnknownIssuer"),
        BlobFault("certificate", "the endpoint's certificate is not trusted"),
    ),
    (
        re.compile(r"tcp connect error|Connection refused|kind: Connect"),
        BlobFault("unreachable", "the endpoint cannot be reached; check AWS_ENDPOINT"),
    ),
    (re.compile(r"timed out|Timeout"), BlobFault("timeout", "it does not answer in time")),
)


def find_blob_fault(error: BaseException) -> BlobFault:
    """Return the cause of an error of the library, or of the system."""
    text = str(error)
    number = _find_number(error, text)
    if number is not None:
        return _BY_NUMBER.get(number) or BlobFault("failed", os.strerror(number))
    for pattern, fault in _BY_TEXT:
        if pattern.search(text):
            return fault
    if isinstance(error, UnauthenticatedError | PermissionDeniedError):
        return BlobFault("not_permitted", "the credentials do not permit it")
    if isinstance(error, NotFoundError):
        return BlobFault("missing", "it has no such blob")
    # The library's texts go on with a dump of its internals.
    return BlobFault("failed", text.split("\n")[0] if isinstance(error, BaseError) else text)


def _find_number(error: BaseException, text: str) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _NUMBER.search(text) if "LocalFileSystem" in text else None
    return int(found[1]) if found else None
