#!/usr/bin/env bash
# Runs OpenROAD-flow-scripts on @name@, platform @platform@, from synthesis to layout.
#   bash run.sh CHECKOUT [make arguments]       for example: bash run.sh ~/OpenROAD-flow-scripts synth
# Everything is written to run/ beside this script; `flashrtl report` of this folder reads the metrics.
set -eo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=${1:-$FLASHRTL_ORFS}
[ $# -eq 0 ] || shift
if [ ! -f "$checkout/flow/Makefile" ]; then
    echo "usage: bash run.sh CHECKOUT [make arguments]; there is no flow/Makefile in '$checkout'" >&2
    exit 2
fi
checkout=$(cd "$checkout" && pwd)
case $here$checkout in
*\ *) echo "make cannot work with spaces in paths: '$here', '$checkout'" >&2; exit 2 ;;
esac
# shellcheck disable=SC1091 # puts the tools that the checkout has built on the PATH
if [ -f "$checkout/env.sh" ]; then source "$checkout/env.sh"; fi
mkdir -p "$here/run"
cd "$here/run"
exec make --file="$checkout/flow/Makefile" FLOW_HOME="$checkout/flow" WORK_HOME="$here/run" \
    DESIGN_CONFIG="$here/designs/@platform@/@name@/config.mk" "$@"
