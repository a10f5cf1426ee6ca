#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `isolat trace idle` on the running kernel: the trace, its summary, and that nothing is left of it in tracefs, however it
# ends; and bad input. Usage: test_trace_idle.sh ISOLAT [mounted]
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

isolat=$(realpath -- "${1:?usage: test_trace_idle.sh ISOLAT}") || exit 2
tracefs=/sys/kernel/tracing
# Where the kernel has it and nobody has mounted it: for this test alone.
if [ "$(id -u)" = 0 ] && [ ! -d $tracefs/events ] && [ -z "${2:-}" ] && unshare -m true 2>/dev/null; then
	# shellcheck disable=SC2016 # the inner shell's
	exec unshare -m sh -c 'mount -t tracefs tracefs "$1" 2>/dev/null; shift; exec "$@"' - $tracefs "$BASH" "$0" "$isolat" mounted
fi
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2
trace=$scratch/trace.csv

run() # ARGUMENTS...: of isolat trace idle; its exit code in $code
{
	timeout 60 "$isolat" trace idle "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
}

# Instances of processes that are gone, or of process $1.
leftovers()
{
	local path pid
	for path in "$tracefs"/instances/isolat-*; do
		pid=${path##*-}
		[ -d "$path" ] && { [ "$pid" = "${1:-}" ] || ! kill -0 "$pid" 2>/dev/null; } && echo "${path##*/} is left; "
	done
}

refused() # NAME CODE TEXT ARGUMENTS...
{
	local name=$1 want=$2 text=$3 why=
	shift 3
	run "$@"
	[ "$code" = "$want" ] || why+="exit code $code, not $want; "
	[ "$(wc -l <"$scratch/err")" = 1 ] || why+="$(wc -l <"$scratch/err") lines on stderr, not 1; "
	grep -qF -- "$text" "$scratch/err" || why+="no \"$text\" in: $(cat "$scratch/err")"
	[ -s "$scratch/out" ] && why+="something on stdout"
	verdict "$name" "$why"
}

bad_input()
{
	refused "no output" 2 "read option --output: not given"
	refused "no argument of -o" 2 "read option -o: it needs an argument" -o
	refused "empty name" 2 "no name" -o ""
	refused "no seconds" 2 "read option --duration 0: " -o "$trace" -d 0
	refused "too many seconds" 2 "read option --duration 86401: " -o "$trace" -d 86401
	refused "no number" 2 "read option --duration 1s: " -o "$trace" --duration=1s
	refused "a word" 2 "read argument word: " -o "$trace" word
	refused "no tracefs" 3 "find tracefs $scratch: it is not mounted there (mount -t tracefs" -o "$trace" \
		--tracefs "$scratch"
	refused "nothing there" 3 "find tracefs $scratch/none: No such file" -o "$trace" --tracefs "$scratch/none"
	run -o - -j
	jq -e '.error.code == 2 and .error.object == "--json"' "$scratch/out" >/dev/null && [ "$code" = 2 ]
	verdict "two on standard output" "$([ $? = 0 ] || echo "exit code $code: $(cat "$scratch/out")")"
	verdict "no trace of what was refused" "$([ ! -e "$trace" ] || echo "there is one")"
}

not_root()
{
	command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups test -x "$isolat" || {
		echo "ok not root # SKIP no setpriv, or $isolat is out of an ordinary user's reach"
		return
	}
	setpriv --reuid 65534 --clear-groups "$isolat" trace idle -o /dev/null -d 1 >"$scratch/out" 2>"$scratch/err"
	code=$?
	[ "$code" = 3 ] && [ "$(wc -l <"$scratch/err")" = 1 ]
	verdict "not root" "$([ $? = 0 ] || echo "exit code $code: $(cat "$scratch/err")")"
}

# The columns; each CPU's periods in order and apart; as many as were said.
check_trace() # IDLES
{
	awk -F, -v idles="$1" '
		NR == 1 { if ($0 != "cpu,start_ns,length_ns,next_timer_ns,wake") print "header " $0 "; "; next }
		!/^[0-9]+,[0-9]+,[0-9]+,[0-9]*,(ipi|irq|timer)$/ { print "line " NR ": " $0 "; " }
		$2 < end[$1] { print "line " NR " begins before the one before is over; " }
		{ end[$1] = $2 + $3 }
		END { if (NR != idles + 1) print NR - 1 " periods, and " idles " were said; " }' "$trace" | head -n 3
}

# So that there are periods on a quiet machine too.
busy_for_a_second()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.1
	done
}

one_second()
{
	local idles why=
	busy_for_a_second &
	run -o "$trace" -d 1 --json
	wait
	[ "$code" = 0 ] || why+="exit code $code: $(cat "$scratch/out" "$scratch/err"); "
	[ -s "$scratch/err" ] && why+="not silent: $(cat "$scratch/err"); "
	jq -e --arg file "$trace" 'keys == (["version", "file", "seconds", "cpus", "idles", "dropped_events",
		"dropped_idles", "driver", "governor"] | sort) and .version == 1 and .file == $file and .seconds >= 1 and
		.cpus >= 1' "$scratch/out" >/dev/null || why+="not the summary: $(tr '\n' ' ' <"$scratch/out"); "
	idles=$(jq .idles "$scratch/out")
	[ "${idles:-0}" -ge 5 ] || why+="only $idles periods while a shell slept 10 times; "
	verdict "one second" "$why$(check_trace "$idles")$(leftovers)"
}

standard_output()
{
	local why=
	busy_for_a_second &
	run -o - -d 1
	wait
	[ "$code" = 0 ] || why+="exit code $code: $(cat "$scratch/err"); "
	grep -q '^dropped: [0-9]* events lost' "$scratch/err" || why+="no count of what was dropped; "
	cp "$scratch/out" "$trace"
	verdict "standard output" "$why$(check_trace "$(sed -n 's/^\([0-9]*\) idle periods.*/\1/p' "$scratch/err")")"
}

output_lost()
{
	refused "full disk" 1 "write trace /dev/full: No space left" -o /dev/full -d 1
	# With more periods than stdio holds back, the recording ends there.
	for _ in $(seq 500); do sleep 0.001; done &
	refused "full disk, seen early" 1 "write trace /dev/full: No space left" -o /dev/full -d 100
	wait
	refused "no such folder" 2 "open $scratch/none/trace: No such file" -o "$scratch/none/trace" -d 1
	verdict "nothing is left of what failed" "$(leftovers)"
}

# Starts one in the background: its number in $pid once it records.
start()
{
	"$isolat" trace idle -o "$trace" -d 100 >"$scratch/out" 2>"$scratch/err" </dev/null &
	pid=$!
	for _ in $(seq 100); do
		[ "$(cat "$tracefs/instances/isolat-$pid/tracing_on" 2>/dev/null)" = 1 ] && return
		sleep 0.1
	done
	verdict "recording" "it did not begin: $(cat "$scratch/err")"
}

ended_by() # SIGNAL: what was recorded is kept
{
	local why=
	start
	sleep 0.3
	kill "-$1" "$pid"
	wait "$pid"
	code=$?
	[ "$code" = 0 ] || why+="exit code $code: $(cat "$scratch/err"); "
	verdict "ended by SIG$1" "$why$(check_trace "$(sed -n 's/^\([0-9]*\) idle periods.*/\1/p' "$scratch/out")")$(
		leftovers "$pid")"
}

# What a killed one leaves is removed by the next, which leaves one that records alone.
killed()
{
	local killed_pid why=
	start
	killed_pid=$pid
	kill -KILL "$killed_pid"
	wait "$killed_pid" 2>/dev/null
	[ -d "$tracefs/instances/isolat-$killed_pid" ] || why+="nothing was left by SIGKILL: nothing is tested; "
	mkdir "$tracefs/instances/isolat-$$" # as if a process with our number had left it long ago
	start
	run -o "$scratch/other.csv" -d 1
	[ "$code" = 0 ] || why+="exit code $code: $(cat "$scratch/err"); "
	[ -d "$tracefs/instances/isolat-$pid" ] || why+="the instance of one that records is gone; "
	why+=$(leftovers "$killed_pid")$(leftovers $$)
	kill "$pid"
	wait "$pid" || why+="the one that recorded meanwhile failed; "
	verdict "killed" "$why$(leftovers "$pid")"
}

# A recorder that is too slow: its buffer overflows, which is counted, and what spans the loss is left out.
overrun()
{
	local lost meanwhile why=
	start
	echo 8 >"$tracefs/instances/isolat-$pid/buffer_size_kb"
	kill -STOP "$pid"
	for _ in $(seq 600); do
		sleep 0.001
	done
	kill -CONT "$pid"
	sleep 1.5
	kill -INT "$pid"
	wait "$pid" || why+="exit code $?: $(cat "$scratch/err"); "
	lost=$(sed -n 's/^dropped: \([0-9]*\) events lost.*/\1/p' "$scratch/out")
	meanwhile=$(sed -n 's/.* buffer, \([0-9]*\) idles meanwhile,.*/\1/p' "$scratch/out")
	[ "${lost:-0}" -gt 0 ] || why+="no event was lost: nothing is tested; "
	# How many periods the loss spanned is chance; the unit tests of the recorder have one of their own.
	[ -n "$meanwhile" ] || why+="it does not say how many periods the loss spanned; "
	verdict "overrun" "$why$(check_trace "$(sed -n 's/^\([0-9]*\) idle periods.*/\1/p' "$scratch/out")")$(
		leftovers "$pid")"
}

bad_input
if [ "$(id -u)" != 0 ] || [ ! -w "$tracefs/instances" ] || [ ! -d "$tracefs/events/timer/hrtimer_start" ]; then
	echo "ok recording # SKIP not root, or no tracefs with hrtimer events at $tracefs"
	exit "$failed"
fi
not_root
one_second
standard_output
output_lost
for signal in INT TERM HUP; do
	ended_by "$signal"
done
killed
overrun
exit "$failed"
