#!/bin/sh
# Write deploy/images.env: the base images of the Dockerfiles and of compose.yaml, by digest.
set -eu
cd "$(dirname "$0")"
: "${PYTHON_IMAGE:=python:3.11-slim}" "${VALKEY_IMAGE:=valkey/valkey:9.1}"

resolve() {
    digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1") || {
        echo "pin-images: the registry of $1 cannot be reached; images.env stays as it is" >&2
        exit 1
    }
    echo "$1@$digest"
}

python=$(resolve "$PYTHON_IMAGE")
valkey=$(resolve "$VALKEY_IMAGE")
printf 'PYTHON_IMAGE=%s\nVALKEY_IMAGE=%s\n' "$python" "$valkey" >images.env
cat images.env
