#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# idle-pictures.sh [OUTDIR]: replays the traces of idle-gen and the recorded ones, and draws docs/idle-CLASS.svg: what
# each policy burns and what its wake-ups cost, by class of traces. Needs gnuplot (Debian: gnuplot-nox) and jq, and
# idle-gen and idle-replay built. The traces and what the replay says of them stay in build/idle.
set -eu
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."
build=${ISOLAT_BUILD:-build}
docs=${1:-docs}
out=$build/idle
policies='oracle best-fixed piecewise asymmetric kvm-halt-poll haltpoll always never isolat' # as in idle-pictures.gp

for program in gnuplot jq; do
	command -v $program > /dev/null || { echo "idle-pictures: $program is not installed" >&2; exit 3; }
done

# numbers FILE: a block of lines "POLLED_PCT LATENCY_US" for each policy, one a trace
numbers() {
	for policy in $policies; do
		jq -r --arg policy "$policy" '.[].policies | map(select(.name == $policy)) |
			if length == 1 then .[0] else error("not one policy \($policy)") end |
			"\(.polled_pct) \(.latency_mean_ns / 1000)"' "$1"
		printf '\n\n'
	done
}

# draw CLASS TITLE TRACE...
draw() {
	class=$1
	title="$2 (small: each of $(($# - 2)) traces, large: their mean)"
	shift 2
	"$build/idle-replay" --json "$@" > "$out/$class.json" ||
		{ echo "idle-pictures: idle-replay failed, see $out/$class.json" >&2; exit 1; }
	numbers "$out/$class.json" > "$out/$class.traces"
	awk 'NF { x += $1; y += $2; n++ } !NF && n { printf "%.6f %.6f\n", x / n, y / n; x = y = n = 0 }' \
		"$out/$class.traces" > "$out/$class.means"
	gnuplot -d -e "title = '$title'; output = '$out/$class.svg'" \
		-e "traces = '$out/$class.traces'; means = '$out/$class.means'" bench/idle-pictures.gp
	# A line for the licence goes behind XML's own; gnuplot leaves blanks at ends and empty lines.
	sed -e '1s/$/\n<!-- SPDX-License-Identifier: BSD-3-Clause\n-->/' -e 's/[[:blank:]]*$//' \
		-e '/^[[:blank:]]*$/d' "$out/$class.svg" > "$docs/idle-$class.svg"
	echo "$docs/idle-$class.svg"
}

# Names have no blanks: the list is made of words.
generated() { # CLASS TITLE
	traces=
	for name in $("$build/idle-gen" --list | awk -v class="$1" '$2 == class { print $1 }'); do
		"$build/idle-gen" "$name" > "$out/$name.csv"
		traces="$traces $out/$name.csv"
	done
	# shellcheck disable=SC2086
	draw "$1" "$2" $traces
}

mkdir -p "$out"
generated stationary 'Stationary traces'
generated switching 'Switching traces'
generated adversary 'Adversaries of isolat'
set -- bench/traces/*.csv
[ ! -e "$1" ] || draw recorded 'Recorded traces' "$@"
