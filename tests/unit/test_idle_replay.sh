#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# idle-replay from outside: its numbers on traces worked by hand, its JSON and text, recorded answers, and bad input.
# Usage: test_idle_replay.sh ISOLAT, with idle-replay beside it.
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

isolat=$(realpath -- "${1:?usage: test_idle_replay.sh ISOLAT}") || exit 2
replay=$(dirname -- "$isolat")/idle-replay
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

header=cpu,start_ns,length_ns,next_timer_ns,wake
answer_header=$header,ran_ns,break_even_ns,limit_ns,window_ns
policies='["isolat","haltpoll","kvm-halt-poll","asymmetric","best-fixed","piecewise","always","never","oracle"]'

run() # ARGUMENTS...: of idle-replay; its exit code in $code
{
	(cd "$scratch" && timeout 120 "$replay" "$@" >out 2>err)
	code=$?
}

trace() # FILE HEADER LINE...
{
	local file=$scratch/$1
	shift
	printf '%s\n' "$@" >"$file"
}

# The report must have this exit code, say nothing on stderr, and its JSON satisfy a filter.
holds() # NAME CODE FILTER ARGUMENTS...
{
	local name=$1 want=$2 filter=$3 why=
	shift 3
	run --json "$@" </dev/null
	[ "$code" = "$want" ] || why+="exit code $code, not $want; "
	[ -s "$scratch/err" ] && why+="on stderr: $(cat "$scratch/err"); "
	jq -e --argjson policies "$policies" "def p(name): .policies[] | select(.name == name); $filter" "$scratch/out" \
		>/dev/null 2>&1 || why+="not so: $filter"
	verdict "$name" "$why"
}

# 300 long idles and 100 short ones; only these have a next timer, that wake before them, so long a run before them.
short_ones() # FILE NEXT-TIMER WAKE RAN
{
	awk -v header="$header" -v timer="$2" -v wake="$3" -v ran="$4" 'BEGIN {
		print header
		for (i = 0; i < 400; i++) {
			short = i % 4 == 3
			start += short ? ran : 5000
			length_ns = short ? 30000 : 4000000
			printf "0,%d,%d,%s,%s\n", start, length_ns, short ? timer : "",
				short && timer ? "timer" : i % 4 == 2 ? wake : "ipi"
			start += length_ns
		}
	}' >"$scratch/$1"
}

refused() # NAME OBJECT TEXT ARGUMENTS...: as a line, and as an error object
{
	local name=$1 object=$2 text=$3 why=
	shift 3
	run "$@" </dev/null
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ -s "$scratch/out" ] && why+="something on stdout; "
	[ "$(wc -l <"$scratch/err")" = 1 ] || why+="$(wc -l <"$scratch/err") lines on stderr, not 1; "
	grep -qF -- "$object: $text" "$scratch/err" || why+="no \"$object: $text\" in: $(cat "$scratch/err"); "
	run --json "$@" </dev/null
	[ "$code" = 2 ] || why+="exit code $code with --json; "
	[ -s "$scratch/err" ] && why+="something on stderr with --json; "
	jq -e --arg object "$object" --arg text "$text" 'keys == ["error"] and .error.code == 2 and
		(.error.object == $object or (.error.what | endswith($object))) and (.error.reason | contains($text))' \
		"$scratch/out" >/dev/null 2>&1 || why+="not the error object: $(tr '\n' ' ' <"$scratch/out")"
	verdict "refused: $name" "$why"
}

# Three idles of 10 us, one of 50 us and one of 1 ms. At N = 20 us and X = 0.3 a window of 10 us costs
# 0.3 * 30 + 2 * (0.3 * 10 + 20) = 55 us, the oracle 3 * 3 + 15 + 20 = 44 us.
trace five.csv $header 0,0,10000,,irq 0,100000,1000000,,irq 0,2000000,10000,,ipi 0,3000000,50000,60000,timer \
	0,4000000,10000,,irq
trace empty.csv $header

test_numbers()
{
	holds "the keys" 0 '.[0] | (keys == ["idle_ns", "oracle_cost", "policies", "trace", "wakeups"]) and
		([.policies[].name] == $policies) and (.policies | all(keys == ["cost", "halts", "latency_mean_ns",
		"latency_p99_ns", "name", "polled_ns", "polled_pct", "ratio"]))' five.csv
	holds "five idles" 0 '.[0] | .trace == "five.csv" and .wakeups == 5 and .idle_ns == 1080000 and
		.oracle_cost == 44000' five.csv
	holds "a window in hindsight" 0 '.[0] | p("best-fixed") | .cost == 55000 and .ratio == 1.25 and .halts == 2 and
		.polled_ns == 50000 and (.polled_pct * 1000 | floor) == 4629 and .latency_mean_ns == 8000 and
		.latency_p99_ns == 20000' five.csv
	holds "never and always" 0 '.[0] | p("never").cost == 100000 and p("always").cost == 324000 and
		p("always").halts == 0 and p("always").latency_p99_ns == 0' five.csv
	# 10 us and 50 us cost as much as they would halted or less; without the limit 1 ms is not caught either.
	holds "--wake-cost-ns" 0 '.[0] | .oracle_cost == 3 * 1000 + 2 * 1000 and p("never").cost == 5000' \
		--wake-cost-ns 1000 five.csv
	# 10 us for 15 us of polling: halting is cheaper, always.
	holds "--poll-price" 0 '.[0] | .oracle_cost == 5 * 20000 - 3 * 5000 and p("always").cost == 1620000' \
		--poll-price 1.5 five.csv
	holds "--poll-max-ns" 0 '.[0] | p("best-fixed").cost == 100000 and p("isolat").polled_ns == 0' \
		--poll-max-ns 0 five.csv
	# With a halt that dear, the one window that catches 50 us: 0.3 * 80 + 0.3 * 50 + 1000.
	holds "the longest window counts" 0 '.[0] | p("best-fixed").cost == 1039000' \
		--wake-cost-ns 1000000 --poll-max-ns 50000 five.csv
	# Each fourth idle is short, which a timer tells beforehand, or the wake before it, or how long the CPU ran.
	short_ones timer.csv 30000 ipi 5000
	short_ones wake.csv '' irq 5000
	short_ones ran.csv '' ipi 500000
	for part in timer wake ran; do
		holds "what '$part' brings" 0 '.[0] | p("isolat").halts < 330' $part.csv
		holds "--without $part" 0 '.[0] | p("isolat").halts > 390' --without recent,$part $part.csv
	done
	holds "a free poll" 0 '.[0] | .oracle_cost == 0 and (.policies | all(.ratio == null))' --poll-price 0 five.csv
	holds "no idle at all" 0 '.[0] | .wakeups == 0 and .idle_ns == 0 and .oracle_cost == 0 and
		(.policies | all(.cost == 0 and .ratio == null and .polled_pct == null and .latency_mean_ns == null and
		.latency_p99_ns == null))' empty.csv
	holds "several traces, in order" 0 '[.[].trace] == ["five.csv", "empty.csv", "five.csv"] and .[0] == .[2]' \
		five.csv empty.csv five.csv
	holds "a plain trace has no windows" 0 '.[0] | has("windows") | not' five.csv
	run --json - <"$scratch/five.csv"
	verdict "standard input" "$(jq -e '.[0].trace == "-" and .[0].oracle_cost == 44000' "$scratch/out" 2>&1 |
		grep -v true)"
}

# 200,000 idles of as many lengths: the work must not grow with the square. A hang is what fails here.
test_many()
{
	awk -v header=$header 'BEGIN { print header; for (i = 0; i < 200000; i++)
		printf "%d,%.0f,%d,,irq\n", i % 2, i * 300000, 1 + (i * 7919) % 200000 }' >"$scratch/many.csv"
	holds "many idles" 0 '.[0] | .wakeups == 200000 and .idle_ns == 20000100000' many.csv
}

# No window is above its limit, so a limit of 0 has one right answer whatever the predictor has learned.
test_answers()
{
	trace same.csv $answer_header 0,0,9,,irq,0,1000,0,0 1,5,9,70,timer,0,1000,0,0 0,20,9,,ipi,11,1000,0,0
	trace other.csv $answer_header 0,0,9,,irq,0,1000,0,0 1,5,9,70,timer,0,1000,0,7 0,20,9,,ipi,11,1000,0,8
	trace none.csv $answer_header
	holds "answers reproduced" 0 '.[0].windows == {same: 3, different: 0, first_different: null} and
		([.[0].policies[].name] == $policies)' same.csv
	holds "answers that differ" 1 '.[0].windows == {same: 1, different: 2, first_different: "other.csv:3"}' other.csv
	holds "one trace that differs" 1 '[.[].windows.different] == [2, 0]' other.csv same.csv
	holds "no answers at all" 0 '.[0].windows == {same: 0, different: 0, first_different: null}' none.csv
	run same.csv
	verdict "answers as text" "$([ "$code" = 0 ] || echo "exit code $code; "
		grep -qx 'windows: 3 of 3 reproduced' "$scratch/out" || tail -n 1 "$scratch/out")"
	run other.csv
	verdict "answers that differ as text" "$([ "$code" = 1 ] || echo "exit code $code; "
		grep -qx 'windows: 1 of 3 reproduced, first different: other.csv:3' "$scratch/out" ||
			tail -n 1 "$scratch/out")"
}

test_text()
{
	local why=
	run five.csv empty.csv
	[ "$code" = 0 ] || why+="exit code $code; "
	[ "$(head -n 1 "$scratch/out")" = "five.csv: 5 wakeups, 1.080 ms idle" ] || why+="$(head -n 1 "$scratch/out"); "
	[ "$(awk 'NR > 2 && NR < 12 { print $1 }' "$scratch/out" | jq -R . | jq -cs .)" = "$policies" ] ||
		why+="other policies; "
	[ "$(awk '$1 == "best-fixed" { print; exit }' "$scratch/out" | xargs)" = \
		"best-fixed 0.055 1.250 2 4.6 8.00 20.00" ] || why+="$(grep best-fixed "$scratch/out"); "
	[ "$(awk '$1 == "oracle" { row = $0 } END { print row }' "$scratch/out" | xargs)" = "oracle 0.000 - 0 - - -" ] ||
		why+="$(tail -n 1 "$scratch/out"); "
	[ "$(wc -L <"$scratch/out")" -le 80 ] || why+="wider than 80 columns; "
	[ "$(sed -n '2,11p' "$scratch/out" | awk '{ print length }' | sort -u | wc -l)" = 1 ] || why+="not aligned"
	verdict "text" "$why"
	cp "$scratch/five.csv" "$scratch/"$'a\033[1mb.csv'
	run $'a\033[1mb.csv'
	verdict "control characters in a name" "$(head -n 1 "$scratch/out" | grep -v '^a?\[1mb.csv: 5 wakeups')"
}

test_bad_traces()
{
	trace negative.csv $header 0,0,1,,irq 0,5,-3,,irq
	refused "a negative length" negative.csv:3 "length_ns: '-3' is not a whole number" negative.csv
	refused "the second trace" negative.csv:3 "length_ns: '-3' is not a whole number" five.csv negative.csv
	trace column.csv $header 0,0,1,irq
	refused "a missing column" column.csv:2 "4 columns, not 5" column.csv
	trace word.csv $header 0,soon,1,,irq
	refused "no number" word.csv:2 "start_ns: 'soon' is not a whole number" word.csv
	trace long.csv $header 0,0,18446744073709551616,,irq
	refused "an overlong number" long.csv:2 "length_ns: '18446744073709551616' is not" long.csv
	trace order.csv $header 0,50,1,,irq 1,0,1,,irq 0,40,1,,irq
	refused "out of order" order.csv:4 "start_ns: '40' is out of order" order.csv
	trace overlap.csv $header 0,50,10,,irq 0,59,1,,irq
	refused "an overlap" overlap.csv:3 "start_ns: '59' overlaps: the idle of CPU 0 on line 2 ends at 60" overlap.csv
	trace header.csv cpu,length_ns 0,5
	refused "a wrong header" header.csv:1 "the header is 'cpu,length_ns', not '$header'" header.csv
	trace control.csv $header $'0,0,\033[1m,,irq'
	refused "control characters" control.csv:2 "length_ns: '?[1m' is not" control.csv
	trace huge.csv $header 0,0,9223372036854775807,,irq 1,0,1,,irq
	refused "a sum past 63 bits" huge.csv "its idles together are longer than 2^63 - 1 ns" huge.csv
	: >"$scratch/nothing.csv"
	refused "an empty file" nothing.csv:1 "the header is ''" nothing.csv
	refused "no such file" none-such.csv "No such file" none-such.csv
	refused "a folder" . "Is a directory" .
	refused "nothing on standard input" -:1 "the header is ''" -
}

test_bad_options()
{
	local value
	refused "no trace" "read the command line" "no trace is named"
	for value in -1 0x10 1e3 1000000001 '' 1.5; do
		refused "--wake-cost-ns '$value'" "$value" "not a whole number from 0 to 1000000000" \
			"--wake-cost-ns=$value" five.csv
	done
	refused "--without" wake,run "not a list of recent, wake, ran, timer" --without wake,run five.csv
	refused "--poll-max-ns" 10000001 "not a whole number from 0 to 10000000" --poll-max-ns 10000001 five.csv
	for value in -1 . 1. .5 1e3 1,5 0x1 1000.000001 1001 0.1234567 99999999999999999999 nan; do
		refused "--poll-price '$value'" "$value" "not a decimal number from 0 to 1000 with at most 6 decimals" \
			"--poll-price=$value" five.csv
	done
	holds "the highest price" 0 '.[0] | p("always").cost == 1080000000' --poll-price 1000.000000 five.csv
	holds "the lowest price" 0 '.[0] | p("always").cost == 1.08' --poll-price 0.000001 five.csv
	holds "the highest cost" 0 '.[0] | p("never").cost == 5000000000' --wake-cost-ns 1000000000 five.csv
	holds "the longest window" 0 '.[0] | p("best-fixed").halts == 0' --poll-max-ns 10000000 --poll-price 0 five.csv
}

test_numbers
test_many
test_answers
test_text
test_bad_traces
test_bad_options
exit "$failed"
