#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# trace.sh BUILD: in a host VM. `isolat trace idle` records the idles of another kernel than this machine's, and
# idle-replay reads what it wrote.
set -u
. "$(dirname "$0")/check.sh" || exit 2
failed=${failed:-0}
build=$1

[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
out=$(mktemp -d)
mkfifo "$out/nothing"
(while :; do read -rt 0.005 _; done <>"$out/nothing") &
naps=$!
"$build/isolat" trace idle -d 2 -o "$out/idles.csv" --json > "$out/summary"
check 'isolat trace idle ends well' 0 $?
kill $naps
check 'a hundred idles and more' true "$(jq '.idles >= 100' "$out/summary")"
check 'both CPUs' true "$(jq '.cpus == 2' "$out/summary")"
check 'the CSV has as many' "$(jq .idles "$out/summary")" "$(sed 1d "$out/idles.csv" | wc -l)"
check 'timers ended some' true "$(grep -q ',timer$' "$out/idles.csv" && echo true)"
check 'next timers are known' true "$(grep -qE '^[0-9]+,[0-9]+,[0-9]+,[0-9]+,' "$out/idles.csv" && echo true)"
check 'it left no tracing instance' '' "$(ls /sys/kernel/tracing/instances)"
check 'idle-replay reads it' "$(jq .idles "$out/summary")" "$("$build/idle-replay" --json "$out/idles.csv" | jq '.[0].wakeups')"
exit "$failed"
