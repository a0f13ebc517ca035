#!/bin/sh
# Write deploy/images.env: the base images of the Dockerfiles and the images of compose.yaml, by digest.
set -eu
cd "$(dirname "$0")"

resolve() {
    digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1") || {
        echo "pin-images: the registry of $1 cannot be reached; images.env stays as it is" >&2
        exit 1
    }
    echo "$1@$digest"
}

pinned=
for default in $(grep -oE '[A-Z0-9]+_IMAGE:-[^}]+' compose.yaml | sort -u); do
    name=${default%%:-*}
    # What the environment names goes before the default.
    image=$(resolve "$(eval "echo \"\${$name:-${default#*:-}}\"")")
    pinned="$pinned$name=$image
"
done
printf '%s' "$pinned" | tee images.env
