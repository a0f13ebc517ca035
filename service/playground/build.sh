#!/bin/sh
# Build the page into a folder: build.sh FOLDER. Its npm packages lie in .venv/playground.
set -eu
target=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
place=.venv/playground
PATH="$PWD/.venv/clients/bin:$PATH"
rm -rf "$place/src"
cp -R service/playground/src service/playground/index.html service/playground/tsconfig.json \
    service/playground/vite.config.ts "$place"
# The picture that the page offers is one of the demonstration's.
cp demo/pictures/rocket.jpg "$place/src"
cd "$place"
node_modules/.bin/tsc --project .
node_modules/.bin/vite build --outDir "$target" --emptyOutDir --logLevel warn
