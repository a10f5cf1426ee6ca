#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# timer_do.sh BUILD FOLDER PID WHAT [ARGUMENT]: does something to the exitless timer's agent of a test VM, when a program in
# the VM asks for it (tests/vm/run). PID is exitless-timerd, FOLDER has its sockets.
#
#   kill-scanner          the scanner dies
#   stop-scanner          it is stopped, and never continued
#   kill-daemon           exitless-timerd dies; its scanner sees that
#   kill-all              both at once: nobody is left to tell
#   stop-all              both are stopped
#   restart N             the scanner is replaced N times, each time when the one before serves
#   jump CYCLES           the host's clock jumps, as the scanner sees it
#   open-close N          N sockets for other VMs are made, connected to and taken away
#   hostile SECONDS       another VM arms in the past for ever, rewrites its lines and lies about its clock
#   killed-armed          another VM is killed with its timers armed
set -u
build=$1 folder=$2 pid=$3 what=$4 argument=${5:-}
isolat=$build/isolat
peer=$build/tests/unit/timer_peer # a QEMU and its guest in one

timer() { "$isolat" timer "$@" --run-dir "$folder"; }
status() { timer status --json | jq -e -r "$@"; }
# Never -1, which is what there is while none runs: kill would take it for everybody.
scanner() { status '.scanners[0].pid | select(. > 0)'; }

# The daemon answers, with a live scanner that is not the one before: its number.
another_scanner() { # BEFORE
	for _ in $(seq 500); do
		now=$(scanner 2>/dev/null) && [ "$now" -gt 0 ] && [ "$now" != "$1" ] && echo "$now" && return
		sleep 0.01
	done
	return 1
}

case $what in
kill-scanner)	now=$(scanner) && kill -9 "$now" ;;
stop-scanner)	now=$(scanner) && kill -STOP "$now" ;;
kill-daemon)	kill -9 "$pid" ;;
kill-all)	now=$(scanner) && kill -STOP "$now" && kill -9 "$pid" "$now" ;; # stopped first: it cannot tell
stop-all)	now=$(scanner) && kill -STOP "$pid" "$now" ;;
restart)
	for _ in $(seq "$argument"); do
		before=$(scanner) && "$peer" ask "$folder/control" '{"do": "restart-scanner", "cpu": -1}' > /dev/null &&
			another_scanner "$before" > /dev/null || exit
	done ;;
jump)		"$peer" ask "$folder/control" "{\"do\": \"jump\", \"cycles\": $argument}" | grep -qx '{}' ;;
open-close)
	for i in $(seq "$argument"); do
		timer add "m$i:2" && "$peer" "$folder/m$i.sock" run fire:0:1:1000 > /dev/null && timer remove "m$i" || exit
	done ;;
hostile)
	timer add wild:8 && "$peer" "$folder/wild.sock" run "wild:${argument}000" > /dev/null && timer remove wild ;;
killed-armed)
	timer add other:2 || exit
	# shellcheck disable=SC2016
	"$peer" "$folder/other.sock" run arm:0:50000 arm:1:100000 'sh:kill -9 $PPID'
	[ $? = 137 ] && sleep 0.3 && timer remove other ;;
*)	echo "timer_do.sh: no such thing: $what" >&2; exit 2 ;;
esac
