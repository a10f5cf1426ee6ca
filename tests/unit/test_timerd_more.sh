#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# exitless-timerd where test_timerd.sh does not go: folders and requests that it refuses, which scanner is meant, what
# its figures say of parking and CPUs, how often a VM may fire, connections at the limit of descriptors.
# Usage: test_timerd_more.sh ISOLAT
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

# shellcheck source=tests/unit/timerd.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/timerd.bash" || exit 2

shows() # FILTER WANT
{
	[ "$(status "$1")" = "$2" ]
}

# As soon as the daemon's figures are so, or as they are after 10 s.
same_soon() # NAME FILTER WANT
{
	soon shows "$2" "$3"
	same "$1" "$3" "$(status "$2")"
}

refused_folder() # NAME FOLDER
{
	local code
	timeout 10 "$daemon" --run-dir "$2" --vm a 2>"$scratch/err"
	code=$?
	same "refused: folder $1" "1 1 others may write to it, or it is no folder; left 0" \
		"$code $(wc -l <"$scratch/err") $(grep -o 'others may write.* no folder' "$scratch/err"); left $(find "$2"/ \
			-mindepth 1 2>/dev/null | wc -l)"
}

test_folders()
{
	local mode
	for mode in 777 720 702; do
		mkdir "$scratch/$mode"
		chmod "$mode" "$scratch/$mode"
		refused_folder "of mode $mode" "$scratch/$mode"
	done
	mkdir -m 711 "$scratch/good"
	ln -s good "$scratch/link"
	refused_folder "behind a link" "$scratch/link"
	: >"$scratch/file"
	refused_folder "that is a file" "$scratch/file"
	if [ "$(id -u)" = 0 ]; then
		chown 65534 "$scratch/good"
		refused_folder "of another user" "$scratch/good"
	else
		echo "ok refused: folder of another user # SKIP needs root"
	fi
}

add_with_mode() # MODE, decimal
{
	local vm='"name": "moded", "slots": 1, "node": -1, "user": -1, "group": -1'
	ask "{\"do\": \"add\", \"vm\": {$vm, \"mode\": $1}}" | jq .error.code
}

test_modes()
{
	local mode
	for mode in 0607 0604 0601 0160 01; do
		same "request to add, mode $mode" "2 no" \
			"$(add_with_mode $((mode))) $([ -e "$run/moded.sock" ] && echo there || echo no)"
	done
	same "request to add, mode 0640" "null 640" "$(add_with_mode $((0640))) $(stat -c %a "$run/moded.sock")"
	ask '{"do": "remove", "name": "moded"}' >/dev/null
}

# Each ring of a parked page is taken, and is one.
test_parked()
{
	local ring=(arm:0:0 drain:0 parked:1) figures="bash '$scratch/figures'"
	same "parked and rung" '[3,true,true];' \
		"$(peer a run drain fire:0:1:100 parked:1 "sh:$figures '.vms[0].is_parked' true >'$scratch/out'
			'$isolat' timer status --json --run-dir '$run' | jq '.vms[0].rung' >'$scratch/rung'" \
			"${ring[@]}" "${ring[@]}" "${ring[@]}" \
			"sh:$figures \".vms[0] | [.rung - \$(cat '$scratch/rung'), .parked > 3, .is_parked]\" \
				'[3,true,true]'" | sed 's/^fired[^;]*;//')"
}

waiting_at() # SOCKET: connections of it, taken or not, and itself
{
	grep -c " $1\$" /proc/net/unix
}

has_waiting() # SOCKET N
{
	[ "$(waiting_at "$1")" = "$2" ]
}

# A VM that is killed and started again: the daemon sees the new connection before the end of the old one.
test_restarted_vm()
{
	local first second before
	before=$(status '.vms[0].connections')
	"$scratch/peer" "$run/a.sock" run hung-up >"$scratch/out" 2>&1 &
	first=$!
	same_soon "a VM runs" '.vms[0] | [.connected, .guest_runs]' '[true,true]'
	kill -STOP "$pid"
	"$scratch/peer" "$run/a.sock" pristine run fire:0:5:100 >"$scratch/out" 2>&1 &
	second=$!
	soon has_waiting "$run/a.sock" 3 || verdict "its next connection waits" "$(waiting_at "$run/a.sock") of 3"
	kill -KILL "$first"
	wait "$first" 2>/dev/null
	kill -CONT "$pid"
	wait "$second"
	same "it restarts at once" "pristine;fired 5 lost 0 early 0;" "$(tr '\n' ';' <"$scratch/out")"
	same "none was refused" "[$((before + 2)),0]" "$(status '.vms[0] | [.connections, .connections_refused]')"
}

# At the limit of descriptors who connects is hung up, each time, and does not wait for ever.
test_no_descriptors()
{
	local free=0 before codes=
	before=$(prlimit --pid "$pid" --nofile --output SOFT --noheadings)
	soon has_waiting "$run/control" 1
	while [ -e "/proc/$pid/fd/$free" ]; do
		free=$((free + 1))
	done
	prlimit --pid "$pid" --nofile="$free:"
	for _ in 1 2 3; do
		timeout 10 "$scratch/peer" ask "$run/control" '{"do": "status"}' >"$scratch/out" 2>&1
		[ $? = 124 ] && codes+="waited; "
		[ -s "$scratch/out" ] && codes+="served; "
	done
	prlimit --pid "$pid" --nofile="$((before)):"
	verdict "no descriptors: hung up" "$codes"
	same "that is told" 3 "$(grep -c 'a connection is hung up: Too many open files' "$log")"
	same "with descriptors again" "slots 2 minor 1 doorbell 0x10000;" "$(peer a greeting)"
}

test_requests()
{
	mkdir -m 755 "$run"
	start_daemon --vm a:2 --testing || verdict "daemon starts in a folder of mode 755" "it does not"
	test_modes
	test_parked
	test_restarted_vm
	test_no_descriptors
	stop_daemon TERM
}

# CPUs that this process may use.
own_cpus()
{
	local from to
	taskset -pc $$ | sed 's/.*: //' | tr , '\n' | while IFS=- read -r from to; do
		seq "$from" "${to:-$from}"
	done
}

# A scanner each on the first CPU and, where there are two, on the last.
test_cpus()
{
	local cpus restarts=0,1 generations=1,2 last scanner request
	mapfile -t cpus < <(own_cpus)
	[ "${#cpus[@]}" -lt 2 ] || cpus=("${cpus[0]}" "${cpus[-1]}")
	last=$((${#cpus[@]} - 1))
	[ "$last" = 1 ] || restarts=1 generations=2
	start_daemon --vm a:2 --vm b:2 --park-us never --cpu "$(IFS=, && echo "${cpus[*]}")" ||
		verdict "daemon starts on CPUs" "it does not"
	same "CPUs of scanners" "[$(IFS=, && echo "${cpus[*]}")]" "$(status '[.scanners[].cpu]')"
	same "CPUs of VMs" "[${cpus[0]},${cpus[-1]}]" "$(status '[.vms[].cpu]')"
	for scanner in $(status '.scanners[].pid'); do
		sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$scanner/status"
	done >"$scratch/out"
	same "where they are" "${cpus[*]}" "$(xargs <"$scratch/out")"
	for request in '"cpu": 9999' '"cpu": -1' '"cpu": "0"' '"cpu": null'; do
		same "restart, $request" 2 "$(ask "{\"do\": \"restart-scanner\", $request}" | jq .error.code)"
	done
	same "nothing was restarted by that" 0 "$(status '[.scanners[] | .restarts + .generation - 1] | add')"

	"$scratch/peer" "$run/b.sock" run hung-up >"$scratch/out" 2>&1 &
	# Of a scanner that reads a page all the time, in percent of a CPU.
	same_soon "CPU that a scanner takes" ".scanners[$last].cpu_pct | . > 0 and . < 150" true
	same "restart, \"cpu\": ${cpus[-1]}" "{}" "$(ask "{\"do\": \"restart-scanner\", \"cpu\": ${cpus[-1]}}")"
	same_soon "that one was" '[[.scanners[].restarts], [.scanners[].generation], all(.scanners[]; .running)]' \
		"[[$restarts],[$generations],true]"
	stop_daemon TERM
}

# One fire a second, after a thousand at once: of 1064 timers some are still due when the peer's 30 s are over.
test_fire_rate()
{
	local rate arms
	for rate in 0 10000001 -1 x ''; do
		refused "fire rate '$rate'" "--fire-rate${rate:+ }$rate: not a whole number" --fire-rate "$rate"
	done
	start_daemon --vm a:64 --fire-rate 1 --share 100 || verdict "daemon starts with a fire rate" "it does not"
	mapfile -t arms < <(printf 'arm:%d:0\n' {0..63})
	same "fires at its rate" "fired 1000 lost 0 early 0;[true,true];" \
		"$(peer a run drain fire:0:1000:0 "${arms[@]}" "sh:bash '$scratch/figures' \
			'.vms[0] | [.limited > 0, .fired >= 1000 and .fired < 1064]' '[true,true]'")"
	stop_daemon TERM
}

test_folders
test_requests
test_cpus
test_fire_rate
exit "$failed"
