#!/bin/sh
# Runs LibreLane on @name@ with @pdk@, @scl@; `flashrtl report` of this folder reads the metrics.
#   sh run.sh [librelane options]               for example: sh run.sh --dockerized
# --dockerized must come first. Further options: `librelane --help`.
set -eu
cd "$(dirname "$0")"
exec librelane "$@" --pdk @pdk@ --scl @scl@ config.json
