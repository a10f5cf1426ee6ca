#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# timer_sched.sh BUILD: in a host VM of four CPUs, busy with other work, exitless-timerd's scanner alone in an isolated
# partition: it is there and nowhere else, the kernel's own threads still get its CPU, and timers fire. How long it was
# not running is printed, and decides nothing.
set -u
build=$1
cpu=3
partition=/sys/fs/cgroup/scanner
run=$(mktemp -d)/run
. "$(dirname "$0")/check.sh" || exit 2

status() # FILTER
{
	timeout 20 "$build/isolat" timer status --json --run-dir "$run" 2>/dev/null | jq -r "$1" 2>/dev/null
}

# The scanner's process, when it beats.
scanner()
{
	local pid=
	for _ in $(seq 500); do
		pid=$(status '.scanners[0] | select(.running) | .pid')
		[ -z "$pid" ] || break
		sleep 0.02
	done
	echo "$pid"
}

field() # PID NAME: of its status
{
	sed -n "s/^$2:[[:blank:]]*//p" "/proc/$1/status"
}

check_place() # PID
{
	check "its CPU" $cpu "$(field "$1" Cpus_allowed_list)"
	check "its cgroup" "${partition##*/}" "$(sed -n 's,^0::/,,p' "/proc/$1/cgroup")"
	# Fields 18, 19, 41: priority, nice, policy.
	check "SCHED_OTHER, nice -20" "0 -20 0" "$(sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 16,17,39)"
	check "its timers' slack" 1 "$(cat "/proc/$1/timerslack_ns")"
	check "memory is locked" yes "$(field "$1" VmLck | sed 's/^[1-9].*/yes/')"
}

# CPUs 0 and 1 are node 0, 2 and 3 node 1: VMs are spread by node, then evenly.
"$build/exitless-timerd" --vm a@1 --vm b@0 --vm c@1 --vm d --vm e@7 --cpu 0,2 --run-dir "$run" &
daemon=$!
scanner >/dev/null
check "CPUs of VMs on node 1, 0, 1, any, and one that is not there" "2 0 2 0 0" "$(status '[.vms[].cpu] | join(" ")')"
kill "$daemon"
wait "$daemon"

echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mkdir $partition || failed=1
echo $cpu >$partition/cpuset.cpus
echo isolated >$partition/cpuset.cpus.partition
check "the partition" isolated "$(cat $partition/cpuset.cpus.partition)"

# A scanner that real-time throttling alone would make let go of its CPU is found out.
echo -1 >/proc/sys/kernel/sched_rt_runtime_us

stress=
for _ in 0 1 2; do
	while :; do :; done &
	stress+=" $!"
done

# This host is a VM without CPUs of its own: it is stopped itself, for longer than a scanner may be.
"$build/exitless-timerd" --vm a:1 --cpu $cpu --cgroup $partition --park-us never --dead-ms 10000 --run-dir "$run" &
daemon=$!
pid=$(scanner)
check_place "$pid"

timeout 100 "$build/tests/unit/timer_peer" "$run/a.sock" run fire:0:20:2000 \
	"sh:while [ ! -e '$run.done' ]; do sleep 0.1; done" >"$run.peer" 2>&1 &
peer=$!

# Each waits for a kworker of each CPU.
refreshed=0
for _ in 1 2 3; do
	echo 1 | timeout 20 tee /proc/sys/vm/stat_refresh >/dev/null && refreshed=$((refreshed + 1))
done
check "kworkers get the scanner's CPU" 3 "$refreshed"
check "it reads its VM's page all the time" "true 0" "$(status '.vms[0].guest_runs') $(status '.vms[0].parked')"
touch "$run.done"
wait "$peer"
check "timers fire" "fired 20 lost 0 early 0" "$(cat "$run.peer")"

read -r ran waited times <"/proc/$pid/schedstat"
switches=$(field "$pid" nonvoluntary_ctxt_switches)
check "switched away from less than 100 times" yes "$([ "$switches" -lt 100 ] && echo yes || echo "$switches times")"
echo "scanner: ran $((ran / 1000000)) ms, waited $((waited / 1000)) us for its CPU, $times times;" \
	"switched away from $switches times; $(status '.scanners[0] |
	"\(.gaps) gaps above 1 ms, the longest \(.gap_max_ns / 1000 | floor) us"')"

kill -KILL "$pid"
check "the next one" "true" "$([ "$(scanner)" != "$pid" ] && echo true)"
check_place "$(scanner)"

kill "$daemon"
wait "$daemon"
check "the daemon's end" 0 $?
# shellcheck disable=SC2086 # words
kill $stress
exit $failed
