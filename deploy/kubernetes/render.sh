#!/bin/sh
# Print the plain manifests of a deployment: render.sh small|production|gpu [further arguments of helm template]
# `make manifests` writes those in manifests/.
set -eu
folder=$(dirname "$0")
chart=$folder/chart
name=${1:?small, production or gpu}
shift
case $name in
    gpu) set -- --values "$chart/values/production.yaml" --values "$chart/values/gpu.yaml" "$@" ;;
    *) set -- --values "$chart/values/$name.yaml" "$@" ;;
esac
exec "${HELM:-helm}" template paintjob "$chart" --namespace paintjob "$@"
