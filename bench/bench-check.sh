#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# bench-check.sh: measures every figure that was aimed at and prints target, value and verdict. Not a test: it exits
# with 0 as long as it could measure. The reports stay in build/bench.
set -eu
cd "$(dirname "$0")/.."
build=${ISOLAT_BUILD:-build}
out=$build/bench
mkdir -p "$out"

say() { [ ! -t 2 ] || echo "bench-check: $*" >&2; }

# row NAME UNIT OPERATOR TARGET VALUE [NOTE]; VALUE is a number, or - where there is nothing to judge; no OPERATOR where
# there is no target
row() {
	verdict=missed
	if [ "$5" = - ] || [ -z "$3" ]; then
		verdict='no verdict'
	elif awk "BEGIN { exit !($5 $3 $4) }"; then
		verdict=reached
	fi
	printf '%-62s %2s %6s %-2s  %8s  %s%s\n' "$1" "$3" "$4" "$2" "$5" "$verdict" "${6:+ ($6)}"
}

# cell FILE LATENCY_NS GUEST(true|false) EXPRESSION
cell() {
	jq -r --argjson latency "$2" --argjson guest "$3" \
		".cells[] | select(.latency_ns == \$latency and .host_poll_ns == 0 and (.guest_poll_ns > 0) == \$guest) | $4" \
		"$1"
}

# short_idles LABEL FILE LATENCY_NS: the share of short idles in HLT, with and without the module
short_idles() {
	share='.traced | (.short_halted + .short_not_halted) as $n |
		if $n < 20 then "-" else 10000 * .short_halted / $n | round / 100 end'
	count='.traced | "of \(.short_halted + .short_not_halted)"'
	row "short idles in HLT, $1, smart idle poll" % '<=' 5 "$(cell "$2" "$3" true "$share")" "$(cell "$2" "$3" true "$count")"
	row "short idles in HLT, $1, control" % '>' 90 "$(cell "$2" "$3" false "$share")" "$(cell "$2" "$3" false "$count")"
}

# The idle predictor on made-up and recorded traces. What it costs under several seeds stays in idle-CLASS.txt, a line
# "AGAINST-BEST-FIXED AGAINST-PIECEWISE AGAINST-HALTPOLL AGAINST-ORACLE POLLED-PCT TRACE".
replay() { # CLASS TRACE...
	class=$1
	shift
	"$build/idle-replay" --json "$@" | jq -r '.[] | (.trace | sub(".*/"; "")) as $trace |
		(.policies | map({key: .name, value: .}) | from_entries) as $p |
		def against(name): $p.isolat.cost / $p[name].cost * 1000 | round / 1000;
		[against("best-fixed"), against("piecewise"), against("haltpoll"), against("oracle"),
		 ($p.isolat.polled_pct * 1000 | round / 1000), $trace] | join(" ")' > "$out/idle-$class.txt"
}

made() { # CLASS
	mkdir -p "$out/traces"
	set -- "$1" "$("$build/idle-gen" --list | awk -v class="$1" '$2 == class { print $1 }')"
	for name in $2; do
		for seed in 1 2 3; do
			"$build/idle-gen" "$name" --seed $seed > "$out/traces/$name.$seed"
		done
	done
	# shellcheck disable=SC2046,SC2086
	replay "$1" $(printf "$out/traces/%s.[123] " $2)
}

# worst LABEL CLASS COLUMN TARGET [PATTERN]: the trace that comes out worst
worst() {
	set -- "$1" "$2" "$3" "$4" "$(grep -E "${5:-.}" "$out/idle-$2.txt" | sort -g -k "$3" | tail -n 1)"
	row "$1" '' '<=' "$4" "$(echo "$5" | cut -d ' ' -f "$3")" "$(echo "$5" | cut -d ' ' -f 6)"
}

predictor() {
	made stationary
	made switching
	made adversary
	replay recorded bench/traces/*.csv
	worst 'predictor, stationary: cost against best fixed, worst trace' stationary 1 1.03
	worst 'predictor, runs of 50: cost against piecewise, worst trace' switching 2 1.05
	worst 'predictor, 20/200 us at random: cost against haltpoll' stationary 3 0.65 'bimodal-20-200\.'
	worst 'predictor, the same with jitter' stationary 3 0.65 'bimodal-20-200-'
	worst 'predictor, 20/200 us in runs of 50: cost against haltpoll' switching 3 0.65 'runs-20-200'
	worst 'predictor, recorded: cost against haltpoll, worst trace' recorded 3 1.02
	worst 'predictor, adversaries: cost against the oracle, worst trace' adversary 4 3
	worst 'predictor, an idle machine: polled' recorded 5 1 'idle\.csv'
	"$build/idle-predictor-bench" > "$out/idle-predictor.txt"
	row 'predictor, a choice and what is learned from it, dearest trace' ns '<' 100 \
		"$(tail -n 1 "$out/idle-predictor.txt" | cut -d ' ' -f 2)" \
		"$(tail -n 1 "$out/idle-predictor.txt" | cut -d ' ' -f 1)"
}

# What one question to a thousand hosts takes, without and with reading their files: 1 and 11 questions are timed.
fit_seconds() { # QUESTIONS
	set -- "$1" "$(date +%s.%N)"
	# shellcheck disable=SC2046
	"$build/isolat" fit --profile tools/examples/database-and-batch.yaml --hosts "$out/hosts" --json \
		$(seq -f '--vm=vcpus=4,memory=8GiB,class=database,name=q%g' "$1") > "$out/fit.json" || true
	awk "BEGIN { print $(date +%s.%N) - $2 }"
}

profiles() {
	row 'plan: 528 CPUs, 24 L3 domains, 64 VMs' ms '<' 10 "$("$build/plan-bench")"
	rm -rf "$out/hosts"
	mkdir -p "$out/hosts"
	"$build/isolat" topology --topology 'pack:2 [numa(memory=256GiB)] l3:1(size=34603008) l2:16(size=1048576) core:1 pu:2' \
		--caps l3ways=11,closids=16,mbgran=10 --json > "$out/hosts/0.json"
	for host in $(seq 999); do
		cp "$out/hosts/0.json" "$out/hosts/$host.json"
	done
	one=$(fit_seconds 1)
	eleven=$(fit_seconds 11)
	row 'fit: a question to a thousand hosts' s '<' 1 "$(awk "BEGIN { printf \"%.3f\", ($eleven - $one) / 10 }")" \
		"$one with reading 1000 files"
}

# Commands on the simulated resctrl, whose every operation is a trip through FUSE.
applying() {
	bench/apply-bench.sh "$build" 32 1 > "$out/apply-1.json"
	bench/apply-bench.sh "$build" 32 4 > "$out/apply-4.json"
	row 'apply: 32 VMs of 1 thread, simulated resctrl' ms '<' 100 "$(jq .apply_ms "$out/apply-1.json")"
	row 'apply: 32 VMs of 4 threads, simulated resctrl' ms '<' 100 "$(jq .apply_ms "$out/apply-4.json")" \
		"$(jq .writes "$out/apply-4.json") writes"
	row 'verify: 32 VMs of 4 threads' ms '<' 50 "$(jq .verify_ms "$out/apply-4.json")"
}

# The exitless timer's scanner beside timerfd, without a VM: the middle one of three runs of each shape.
exitless_table() {
	for run in 1 2 3; do
		"$build/exitless-bench" --table --samples 1000 --json > "$out/exitless-table.$run.json"
	done
	jq -s 'add | group_by([.slots, .vms]) | map(sort_by(.detect_p50_ns)[1])' "$out/exitless-table".[123].json \
		> "$out/exitless-table.json"
	for shape in $(jq -r '.[] | "\(.vms)-\(.slots)"' "$out/exitless-table.json"); do
		jq --arg shape "$shape" '.[] | select("\(.vms)-\(.slots)" == $shape)' "$out/exitless-table.json" \
			> "$out/exitless-$shape.json"
	done
}

exitless_row() { # LABEL UNIT OPERATOR TARGET FILE EXPRESSION
	row "exitless timer, $1" "$2" "$3" "$4" "$(jq "$6 | . * 100 | round / 100" "$out/exitless-$5.json")"
}

# Every shape: 1 to 1024 slots of 1 to 64 VMs.
exitless_detection() {
	jq -r '.[] | "\(.slots) \(.vms)"' "$out/exitless-table.json" | while read -r slots vms; do
		limit=400
		[ "$slots" -le 64 ] || limit=2000
		exitless_row "detection p50, slots $slots, VMs $vms" ns '<' $limit "$vms-$slots" .detect_p50_ns
	done
}

# What a neighbour sees of a VM of 512 slots that means harm: nothing early, nothing lost.
exitless_hostile() {
	"$build/exitless-bench" --hostile --json > "$out/exitless-hostile.json"
	jq -r '.[] | "\(.neighbour) \(.early + .lost) \(.detect_p50_ns | round) \(.detect_p99_ns | round)"' \
		"$out/exitless-hostile.json" | while read -r neighbour wrong p50 p99; do
		row "exitless timer, beside a VM ($neighbour): early or lost" '' '<=' 0 "$wrong" "detection p99 $p99 ns"
		row "exitless timer, beside a VM ($neighbour): detection p50" ns '<' 2000 "$p50"
	done
}

exitless_timer() {
	exitless_table
	exitless_row 'an arming, 64 slots' ns '<' 60 1-64 .arm_p50_ns
	exitless_detection
	exitless_row 'timerfd against it, spinning reader, 64 slots' '' '>=' 5 1-64 '(.timerfd_p50_ns / .total_p50_ns)'
	exitless_row 'timerfd against it, spinning reader, 1024 slots' '' '>=' 5 64-1024 \
		'(.timerfd_p50_ns / .total_p50_ns)'
	exitless_row 'CPU of the agent, 64 VMs parked' % '<' 1 64-1024 .idle_cpu_pct
	exitless_row 'a ring, until a reader sees the timer' ns '' '' 1-64 .ring_p50_ns
	exitless_hostile
}

# per_timer TIMER POLL(true|false) METHOD INTERVAL_US EXPRESSION of .exits, divided by the timers
per_timer() {
	jq -r --arg timer "$1" --argjson poll "$2" --arg method "$3" --argjson interval "$4" ".cells[] |
		select(.timer == \$timer and .smart_idle_poll == \$poll and .method == \$method and
		.interval_us == \$interval) | .timers as \$n | .exits | ($5) / \$n * 1000 | round / 1000" "$out/timer.json"
}

timers() {
	for method in sleeps cyclictest; do
		for us in 50 200 1000; do
			row "MSR-write exits per timer, $method $us us, LAPIC (control)" '' '>' 1.5 \
				"$(per_timer lapic false $method $us .msr_write)"
			for poll in false true; do
				kicks=$(per_timer exitless $poll $method $us '.interrupt + .interrupt_window')
				name="exits per timer, $method $us us, exitless"
				[ $poll = false ] || name="$name, smart idle poll"
				row "MSR-write $name" '' '<' 0.02 "$(per_timer exitless $poll $method $us .msr_write)" "kicks $kicks"
				[ $poll$us = true50 ] || [ $poll$us = true200 ] || continue
				row "MSR-write and HLT $name" '' '<' 0.07 "$(per_timer exitless $poll $method $us '.msr_write + .halt')"
			done
		done
	done
}

say 'isolat bench idle, about a minute'
"$build/isolat" bench idle --host-polling off --json > "$out/idle.json" || { cat "$out/idle.json"; exit 1; }
say 'the same for 1 us on a slower clock'
"$build/isolat" bench idle --host-polling off --inject 1 --slowdown 300 --guest-poll 25 --json > "$out/idle-1us.json" ||
	{ cat "$out/idle-1us.json"; exit 1; }
say 'isolat bench timer, some minutes'
"$build/isolat" bench timer --json > "$out/timer.json" || { cat "$out/timer.json"; exit 1; }
say 'ticks of an idle CPU'
"$build/tests/vm/run" tests/vm/matrix tick > "$out/tick.txt" || { cat "$out/tick.txt"; exit 1; }

printf '%-62s %2s %6s %-2s  %8s  %s\n' figure '' target '' value verdict
predictor
profiles
applying
exitless_timer
timers
short_idles '1 us' "$out/idle.json" 1000
short_idles '1 us, times x300, limit 25 us' "$out/idle-1us.json" 1000
short_idles '20 us' "$out/idle.json" 20000
row 'wake-up IPIs, smart idle poll against control' % '<' 15 "$(jq '[.wake[] | select(.host_poll_ns == 0)] |
	(map(select(.guest_poll_ns > 0))[0] | .wake_ipis / .wake_ups) / (map(select(.guest_poll_ns == 0))[0] |
	.wake_ipis / .wake_ups) * 10000 | round / 100' "$out/idle.json")"
# "figure NAME target<=N value=N", as the tests print them; each is a bound on interrupts counted
sed -n 's/^# figure \([^ ]*\) target<=\([0-9]*\) value=\([0-9]*\)$/\1 \2 \3/p' "$out/tick.txt" |
	while read -r name target value; do
		row "timer interrupts in 10 idle s, $name" '' '<=' "$target" "$value"
	done
