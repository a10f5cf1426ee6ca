#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# apply-bench.sh BUILD [VMS [THREADS]]: how long apply, verify and undo take for so many VMs (32) of so many threads (8)
# on the simulated resctrl of a machine with two sockets. Prints a JSON object; times are medians of 9, of whole
# commands.
set -eu
build=$(realpath -- "${1:?usage: apply-bench.sh BUILD [VMS [THREADS]]}")
n_vms=${2:-32} n_threads=${3:-8}
if [ "${4:-}" != inside ]; then
	exec "$build/tests/sim/sim-run" --fast --machine intel-2s -- "$BASH" "$0" "$build" "$n_vms" "$n_threads" inside
fi
isolat=$build/isolat
scratch=$(mktemp -d)
vms=()
trap 'kill "${vms[@]}"; rm -rf -- "$scratch"' EXIT

printf '%s\n' 'version: 1' 'classes:' \
	'  - { name: latency, cores: dedicated, whole_cores: no, cache: { l3: 1 ways, exclusive: yes } }' \
	'  - { name: batch, cores: shared, cache: { l3: 25 % }, bandwidth: 50 % }' vms: >"$scratch/profile"
for ((i = 0; i < n_vms; i++)); do
	"$build/tests/sim/crowd" "$n_threads" >/dev/null &
	vms+=($!)
	printf '  - { name: vm%d, class: %s, vcpus: 1, memory: 64 MiB, match: { pid: %d } }\n' $i \
		"$([ $i -lt 4 ] && echo latency || echo batch)" $! >>"$scratch/profile"
done
sleep 0.5

ops() { "$build/tests/sim/sim-ctl" ops; }
timed() { # NAME COMMAND...
	local name=$1 start=$EPOCHREALTIME
	shift
	"$@" >"$scratch/out"
	echo $(((${EPOCHREALTIME/./} - ${start/./}) / 10)) >>"$scratch/$name"
}
median() { sort -n "$scratch/$1" | sed -n 5p | awk '{ printf "%.2f", $1 / 100 }'; }

before=$(ops)
for _ in 1 2 3 4 5 6 7 8 9; do
	timed apply "$isolat" apply --profile "$scratch/profile" --no-cpusets
	writes=${writes:-$(($(ops) - before))}
	timed again "$isolat" apply --profile "$scratch/profile" --no-cpusets
	timed verify "$isolat" verify
	timed undo "$isolat" undo
done
printf '{"vms": %d, "threads": %d, "writes": %d, "apply_ms": %s, "second_apply_ms": %s, "verify_ms": %s, "undo_ms": %s}\n' \
	"$n_vms" "$((n_vms * n_threads))" "$writes" "$(median apply)" "$(median again)" "$(median verify)" "$(median undo)"
