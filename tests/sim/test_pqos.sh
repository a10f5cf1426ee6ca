#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_pqos.sh BUILD: pqos and rdtset, as installed, on the simulator: what they are told to do is seen there.
set -u
build=$(realpath "$1")
. "$(dirname "$0")/../tap.bash" || exit 2
. "$(dirname "$0")/vendor.bash" || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf -- "$folder"' EXIT
as_on_intel "$folder" /usr/sbin/pqos /usr/sbin/rdtset
PATH=$build/tests/sim:$folder:$PATH:/usr/sbin
export LC_ALL=C

for program in pqos rdtset; do
	if ! command -v "$program" > /dev/null; then
		skip 'all of it' "$program is not installed"
		finish
	fi
done

# MACHINE LINES: a shell's lines in a simulator; what pqos itself says goes to $said.
in_sim() {
	timeout 60 sim-run --machine "$1" -- bash -c "cd /sys/fs/resctrl; said=/run/isolat/said; $2" 2>&1
}

sleeper='sleep 60 & task=$!;'
mask_of='mask() { sed -n "s/^ *$2:\(.*\)/\1/p" "$1/schemata"; };'

is 'pqos -s succeeds and makes the classes' '0 COS1 COS2 COS3 COS4 COS5 COS6 COS7' \
	"$(in_sim intel-2s 'pqos -I -s > $said 2>&1; echo $? $(ls -d COS*)')"
is 'and shows both sockets with their masks' '2 16' \
	"$(in_sim intel-2s 'pqos -I -s > $said 2>&1; echo $(grep -c "^L3CA/MBA COS definitions for Socket" $said) $(grep -c "L3CA COS[0-7] => MASK 0x7ff" $said)')"
is 'and each CPU with its L3' '16 16' \
	"$(in_sim intel-2s 'pqos -I -s > $said 2>&1; echo $(grep -c "L3ID 0 => COS0" $said) $(grep -c "L3ID 1 => COS0" $said)')"
is 'pqos -e "llc:1=0x0f"' '0=00f;1=00f 0=7ff;1=7ff' \
	"$(in_sim intel-2s "$mask_of"'pqos -I -e "llc:1=0x0f" > $said 2>&1; echo $(mask COS1 L3) $(mask COS2 L3)')"
is 'pqos -e "llc@1:2=0x30;mba@0:2=50"' '0=7ff;1=030 0= 50;1=100' \
	"$(in_sim intel-2s "$mask_of"'pqos -I -e "llc@1:2=0x30;mba@0:2=50" > $said 2>&1; echo "$(mask COS2 L3) $(mask COS2 MB)"')"
is 'pqos -a "pid:1=..."' 'yes no' \
	"$(in_sim intel-2s "$sleeper"'pqos -I -a "pid:1=$task" > $said 2>&1; echo $(grep -qx $task COS1/tasks && echo yes) $(grep -qx $task tasks || echo no)')"
is 'pqos -a "core:3=2,4"' '2,4 0-1,3,5-31' \
	"$(in_sim intel-2s 'pqos -I -a "core:3=2,4" > $said 2>&1; echo $(cat COS3/cpus_list cpus_list)')"
is 'pqos -R gives all back' '0-31 0=7ff;1=7ff' \
	"$(in_sim intel-2s "$mask_of"'pqos -I -e "llc:1=0x0f" > $said; pqos -I -a "core:1=2" > $said; pqos -I -R > $said 2>&1; echo $(cat cpus_list) $(mask COS1 L3)')"
is 'a mask with holes is refused' 'refused 0=7ff;1=7ff' \
	"$(in_sim intel-2s "$mask_of"'pqos -I -e "llc:1=0x5" > $said 2>&1 || echo refused $(mask COS1 L3)')"
is 'pqos sees the CDP mount' '0=003;1=003 0=7ff;1=7ff' \
	"$(in_sim cdp "$mask_of"'pqos -I -e "llc:1d=0x3" > $said 2>&1; pqos -I -e "llc:1c=0x7ff" > $said 2>&1; echo $(mask COS1 L3DATA | sed s/=00003/=003/g) $(mask COS1 L3CODE | sed s/=007ff/=7ff/g)')"
is 'pqos takes MB/s under mba_MBps' '0=5000;1=5000' \
	"$(in_sim mbps "$mask_of"'pqos -I -e "mba_max:1=5000" > $said 2>&1; mask COS1 MB')"
is 'monitoring a group of CPUs: KiB that the simulator was told' '2048.0' \
	"$(in_sim intel-1s 'timeout 10 pqos -I -m "llc:0" -t 1 --disable-mon-ipc --disable-mon-llc_miss > $said 2>&1 &
		for _ in $(seq 100); do group=$(ls -d mon_groups/*-* 2>/dev/null | head -n 1); [ -n "$group" ] && break; sleep 0.02; done
		sim-ctl occupancy "0 2097152" "$group"; wait
		awk "/^ +0 / { kib = \$2 } END { print kib }" $said')"
is 'monitoring a thread' yes \
	"$(in_sim intel-1s "$sleeper"'timeout 10 pqos -I -p "all:$task" -t 1 --disable-mon-ipc --disable-mon-llc_miss > $said 2>&1 &
		for _ in $(seq 100); do grep -qsx $task mon_groups/*/tasks && break; sleep 0.02; done
		grep -qsx $task mon_groups/*/tasks && echo yes; wait $!')"
is 'and leaves no monitoring group' 0 \
	"$(in_sim intel-1s 'timeout 10 pqos -I -m "llc:0" -t 1 --disable-mon-ipc --disable-mon-llc_miss > $said 2>&1; ls mon_groups | wc -l')"
is 'rdtset -I runs a command in a group of its own' '0=00f yes' \
	"$(in_sim intel-1s 'rdtset -I -t "l3=0xf" -c 0-1 sh -c '\''for g in COS*; do grep -qx $$ $g/tasks && echo $(sed -n "s/^ *L3://p" $g/schemata) yes; done'\'' 2>$said | tail -n 1')"
is 'and puts it back' '' \
	"$(in_sim intel-1s 'rdtset -I -t "l3=0xf" -c 0-1 true > $said 2>&1; cat COS*/tasks COS*/cpus_list | grep .')"
finish
