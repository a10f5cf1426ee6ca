#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# record.sh [LOAD...]: makes the traces of this folder again on this machine (fio pipe tcp redis compile idle), and prints
# a row of README.md's table for each. As root; ISOLAT names the command to record with. Each waits up to QUIET_S (60)
# seconds for the machine to be quiet before it begins, and is made again, up to TRIES (3) times, if it was not.
set -eu
cd "$(dirname "$0")"

isolat=${ISOLAT:-isolat}
lines=5000 # of a trace, its header too
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/isolat-record.XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT

# Busy time of all CPUs, and all time, so far.
cpu_times()
{
	awk '/^cpu / { idle = $5 + $6; for (i = 2; i <= 9; i++) all += $i; print all - idle, all }' /proc/stat
}

# How busy the machine is without us, in percent.
busy()
{
	local before
	before=$(cpu_times)
	sleep 2
	echo "$before $(cpu_times)" | awk '{ printf "%.1f", 100 * ($3 - $1) / ($4 - $2) }'
}

# Whether $1 percent are nearly nothing.
quiet()
{
	awk -v busy="$1" 'BEGIN { exit !(busy <= 2) }'
}

wait_for_quiet()
{
	local end=$((SECONDS + ${QUIET_S:-60}))
	before=$(busy)
	while [ $SECONDS -lt $end ] && ! quiet "$before"; do
		before=$(busy)
	done
}

# Records what runs already, skips the first lines, and keeps what fits.
record() # SECONDS NAME [SKIP]
{
	skip=${3:-0}
	summary=$("$isolat" trace idle -o "$scratch/$2.csv" -d "$1" --json)
	share=$(busy_since)
	awk -v skip="$skip" -v lines="$lines" 'NR == 1 || (NR > skip + 1 && kept++ < lines - 1)' "$scratch/$2.csv" >"$2.csv"
}

# Of README.md's table.
row() # NAME
{
	jq -r --arg name "$1" --arg kept "$(($(wc -l <"$1.csv") - 1))" --arg others "$before, $after" --arg skip "$skip" \
		--arg kernel "$(uname -r)" --arg date "$(date -u +%F)" --arg share "$share" '"| \($name).csv |" +
		" \($date) | \($kernel) | \(.driver), \(.governor) | \(.cpus) | \(.seconds | round) s | \(.idles) |" +
		" \(.dropped_events), \(.dropped_idles) | \($skip) | \($kept) | \($others) | \($share) |"' <<<"$summary"
}

# From here on until busy_since: how busy the machine was with us.
load_begins()
{
	times=$(cpu_times)
}

busy_since()
{
	echo "$times $(cpu_times)" | awk '{ printf "%.0f", 100 * ($3 - $1) / ($4 - $2) }'
}

build_pingpong()
{
	[ -x "$scratch/pingpong" ] || cc -O2 -D_GNU_SOURCE -o "$scratch/pingpong" pingpong.c
}

# 4k reads at depth 1 from a file, past the page cache.
load_fio()
{
	fio --name=read --filename="$scratch/file" --size=256m --rw=write --bs=1m --direct=1 >"$scratch/log"
	sync
	wait_for_quiet
	load_begins
	fio --name=read --filename="$scratch/file" --size=256m --rw=randread --bs=4k --iodepth=1 --direct=1 \
		--ioengine=psync --cpus_allowed=1 --time_based --runtime=5 >"$scratch/log" &
	sleep 1
	record 3 fio 1000
	wait
}

load_pipe()
{
	build_pingpong
	wait_for_quiet
	load_begins
	"$scratch/pingpong" pipe 4 >"$scratch/log" &
	sleep 1
	record 2 pipe 1000
	wait
}

# The server thinks for 20 us.
load_tcp()
{
	build_pingpong
	wait_for_quiet
	load_begins
	"$scratch/pingpong" tcp 4 20 >"$scratch/log" &
	sleep 1
	record 2 tcp 1000
	wait
}

# GET and SET of 3 clients, server and clients on a CPU each.
load_redis()
{
	local server
	taskset -c 1 redis-server --port 0 --unixsocket "$scratch/redis" --save "" --appendonly no >"$scratch/log" &
	server=$!
	sleep 1
	wait_for_quiet
	load_begins
	timeout 5 taskset -c 0 redis-benchmark -s "$scratch/redis" -t set,get -c 3 -n 10000000 -r 10000 >"$scratch/log" &
	sleep 1
	record 3 redis 200
	wait $! || :
	kill "$server"
	wait "$server" || :
}

# The C files of this project, one after the other, over and over.
load_compile()
{
	local flags=(-std=gnu11 -D_GNU_SOURCE '-DISOLAT_VERSION="0"' '-DISOLAT_LIBEXECDIR="/"' -I../../include -I../../tools
		-I../../bench -I../../bench/microvm -I../../guest -O2 -c -o /dev/null)
	wait_for_quiet
	load_begins
	timeout 10 sh -c 'while find ../../tools ../../bench -name "*.c" -print0; do :; done' |
		timeout 10 xargs -0 -n 1 cc "${flags[@]}" >"$scratch/log" 2>&1 &
	sleep 1
	record 8 compile 20
	wait || :
}

load_idle()
{
	wait_for_quiet
	load_begins
	record "${IDLE_S:-60}" idle 100
}

[ $# -gt 0 ] || set -- fio pipe tcp redis compile idle
for name; do
	for _ in $(seq "${TRIES:-3}"); do
		"load_$name"
		after=$(busy)
		quiet "$before" && quiet "$after" && break
	done
	row "$name"
done
