#!/bin/sh
# Print the plain manifests of a deployment: render.sh small|production|gpu [further arguments of helm template]
# `make manifests` writes those in manifests/.
set -eu
folder=$(dirname "$0")
case ${1:?small, production or gpu} in
    gpu) names="production gpu" ;;
    *) names=$1 ;;
esac
shift
for name in $names; do
    set -- "$@" --values "$folder/chart/values/$name.yaml"
done
exec "${HELM:-helm}" template paintjob "$folder/chart" --namespace paintjob "$@"
