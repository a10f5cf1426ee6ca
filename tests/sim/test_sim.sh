#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_sim.sh BUILD: the simulator itself: what a command sees in sim-run, who is in which group, faults, kills, the
# count and the log of operations, counters, CPUs that go, mounts, and that nothing is left behind.
set -u
build=$(realpath "$1")
. "$(dirname "$0")/../tap.bash" || exit 2
PATH=$build/tests/sim:$PATH
export LC_ALL=C

# In a simulator: in MACHINE, a shell's lines.
in_sim() { # OPTION... LINES
	timeout 30 sim-run "${@:1:$#-1}" -- bash -c "cd /sys/fs/resctrl; ${!#}" 2>&1
}

# ---- what a command sees ----

is 'its status is the command'"'"'s' 7 "$(sim-run -- sh -c 'exit 7'; echo $?)"
is 'a signal is 128 and its number' 137 "$(sim-run -- sh -c 'kill -9 $$' 2>/dev/null; echo $?)"
is 'no such command' 127 "$(sim-run -- no-such-command 2>/dev/null; echo $?)"
is 'it is resctrl' 'rdt resctrl' "$(in_sim "echo \$(stat -f -c %T .) \$(grep -c '^resctrl /sys/fs/resctrl resctrl rw' /proc/mounts | sed s/1/resctrl/)")"
is 'of a file in it, too' rdt "$(in_sim 'stat -f -c %T schemata')"
is 'other file systems are what they are' proc "$(in_sim 'stat -f -c %T /proc')"
is 'options are in the mount table' 'rw,relatime,cdp' "$(in_sim --machine cdp "sed -n 's,^resctrl /sys/fs/resctrl resctrl \([^ ]*\) .*,\1,p' /proc/self/mounts")"
is 'and in mountinfo' 'rw,mba_MBps' "$(in_sim --machine mbps "sed -n 's,.* - resctrl resctrl ,,p' /proc/self/mountinfo")"
is 'the kernel knows resctrl' 1 "$(in_sim 'grep -cw resctrl /proc/filesystems')"
is 'the CPU has RDT' 1 "$(in_sim 'grep -m 1 -c "rdt_a.*cqm_mbm_local" /proc/cpuinfo')"
is '/run is private' 'isolat lock' "$(in_sim 'touch /run/isolat/x /run/lock/x; echo $(ls -d /run/isolat /run/lock | xargs -n1 basename)')"
is 'nothing of it is on the host' '' "$(ls -d /run/isolat/x /run/lock/x 2>/dev/null)"
for machine in intel-1s:1:16:1 intel-2s:2:32:2 snc2:4:32:2 amd:2:64:8 cdp:2:32:2 mbps:2:32:2 few-closids:1:8:1 l2:1:8:0; do
	IFS=: read -r name nodes cpus l3s <<< "$machine"
	is "$name: NUMA nodes, CPUs and L3s that hwloc sees" "$nodes $cpus $l3s" \
		"$(in_sim --machine "$name" "lstopo-no-graphics --disallowed --no-io --of xml | awk '/object type=\"NUMANode\"/ { n++ } /type=\"PU\"/ { c++ } /type=\"L3Cache\"/ { l++ } END { print n+0, c+0, l+0 }'")"
done
is 'isolat sees two L3s of 11 ways' '2 11' "$(in_sim --machine intel-2s "$build/isolat topology --json | jq -r '\"\(.topology.l3 | length) \(.rdt.l3.ways)\"'")"

# ---- groups and threads ----

is 'a thread is in one group' 'a: 1, root: 0' "$(in_sim 'mkdir a; sleep 60 & echo $! > a/tasks; echo "a: $(grep -cx $! a/tasks), root: $(grep -cx $! tasks)"')"
is 'a child is where its parent is' yes "$(in_sim 'mkdir a; echo $$ > a/tasks; sleep 60 & grep -qx $! a/tasks && echo yes')"
is 'one made before its parent moved stays' no "$(in_sim 'mkdir a; sleep 60 & echo $$ > a/tasks; grep -qx $! a/tasks || echo no')"
is 'who has ended is in no group' 0 "$(in_sim 'mkdir a; sleep 60 & echo $! > a/tasks; kill $!; wait $! 2>/dev/null; wc -l < a/tasks')"
is 'rmdir gives threads back' yes "$(in_sim 'mkdir a; sleep 60 & echo $! > a/tasks; rmdir a; grep -qx $! tasks && echo yes')"
is 'procfs says it' 'res:a mon:m res:/ mon:' "$(in_sim 'mkdir a a/mon_groups/m; sleep 60 & echo $! > a/tasks; echo $! > a/mon_groups/m/tasks; echo $(cat /proc/$!/cpu_resctrl_groups /proc/self/cpu_resctrl_groups)')"
is 'or not, if told so' none "$(in_sim --no-task-groups 'cat /proc/self/cpu_resctrl_groups 2>/dev/null || echo none')"
is 'an open file of a removed group' 'No such device' "$(in_sim 'mkdir a; exec 3< a/schemata; rmdir a; read -r line <&3' | sed 's/.*: //')"

# ---- machines ----

is 'few-closids has three groups more' 3 "$(in_sim --machine few-closids 'mkdir g{1..9} 2> /dev/null; ls -d g* | wc -l; rmdir g*')"
is 'and says why no more' 'Out of CLOSIDs' "$(in_sim --machine few-closids 'mkdir g{1..4} 2> /dev/null; cat info/last_cmd_status')"
is 'CDP halves the classes' '8 L3CODE L3DATA' "$(in_sim --machine cdp 'echo $(cat info/L3CODE/num_closids) $(cd info; ls -d L3C* L3D*)')"
is 'SNC: counters of nodes below those of the L3' 'mon_sub_L3_02 mon_sub_L3_03' "$(in_sim --machine snc2 'echo $(cd mon_data/mon_L3_01; ls -d mon_sub*)')"
is 'SNC: a way and the RMIDs are divided, and there is no mba_MBps' '2097152 80 32' "$(in_sim --mounts --machine snc2 'mkdir a; echo "L3:0=1" > a/schemata; size=$(sed -n "s/^ *L3:0=\([0-9]*\);.*/\1/p" a/size); rmids=$(cat info/L3_MON/num_rmids); cd /; umount /sys/fs/resctrl; mount -t resctrl -o mba_MBps resctrl /sys/fs/resctrl 2>/dev/null; echo $size $rmids $?')"
is 'SNC on 6.1: nothing of it' '' "$(in_sim --machine snc2 --kernel 6.1 'echo $(ls -d mon_data/*/mon_sub*)' | grep -v 'cannot access')"
is 'AMD: masks with holes, eighths of GB/s' 'L3:0=8001 MB:0=2048' "$(in_sim --machine amd 'mkdir a; echo "L3:0=8001" > a/schemata; echo $(grep -o "L3:0=[0-9a-f]*" a/schemata; grep -ow "MB:0=[0-9]*" a/schemata)')"
is 'a shape of its own' 'fffff' "$(in_sim --machine intel-1s --ways 20 'cat info/L3/cbm_mask')"
is 'no such machine' 2 "$(sim-run --machine none -- true 2>/dev/null; echo $?)"

# ---- faults, kills, the count, the log ----

is 'operations are counted' '0 3' "$(in_sim 'echo $(sim-ctl ops; mkdir a; echo "L3:0=1" > a/schemata; rmdir a; sim-ctl ops)')"
is 'reads are not' 0 "$(in_sim 'cat schemata tasks > /dev/null; ls > /dev/null; sim-ctl ops')"
is 'the second operation from now fails, once' 'mkdir: cannot create directory b: No space left on device
a c' "$(in_sim 'sim-ctl fault "2 ENOSPC"; mkdir a; mkdir b 2>&1 | tr -d "\047"; mkdir c; echo $(ls -d [a-c])')"
is 'a write that fails has no effect' 'L3:0=7ff' "$(in_sim 'mkdir a; sim-ctl fault "1 EIO"; echo "L3:0=1" 2>/dev/null > a/schemata; grep -o "L3:0=7ff" a/schemata')"
is 'a fault that is none is refused' 1 "$(in_sim 'sim-ctl fault "1 ENOTHING" 2>/dev/null; echo $?')"
is 'a fault can be taken back' 'a' "$(in_sim 'sim-ctl fault "1 EIO"; sim-ctl fault 0; mkdir a; ls -d a')"
is 'killed before: nothing was done' '137 none' "$(in_sim 'sim-ctl kill "1 before"; mkdir a 2>/dev/null; echo $? $(ls -d a 2>/dev/null || echo none)' | tail -n 1)"
is 'killed after: it was' '137 a' "$(in_sim 'sim-ctl kill "1 after"; mkdir a 2>/dev/null; echo $? $(ls -d a)' | tail -n 1)"
is 'killed at the second write of three' '137 f 7ff' "$(in_sim 'mkdir a b; sim-ctl kill "2 before"; (echo "L3:0=f" > a/schemata; echo "L3:0=f" > b/schemata; echo "L3:0=3" > a/schemata) 2>/dev/null; echo $? $(for g in a b; do sed -n "s/.*L3:0=0*\([^;]*\).*/\1/p" $g/schemata; done)' | tail -n 1)"
is 'the log' '1 mkdir /a ok
2 write /a/schemata "L3:0=5\n" EINVAL
3 rmdir /a ok' "$(in_sim 'mkdir a; echo "L3:0=5" 2>/dev/null > a/schemata; rmdir a; sim-ctl log' | grep -v 'write error')"

# ---- counters ----

is 'counters read what they are told' '1000 2000 3000' "$(in_sim 'mkdir a; sim-ctl occupancy "0 1000" a; sim-ctl mbm_total "0 2000" a; sim-ctl mbm_local "0 3000" a; echo $(cat a/mon_data/mon_L3_00/{llc_occupancy,mbm_total_bytes,mbm_local_bytes})')"
is 'a control group has its monitoring groups'"'"' too' 1500 "$(in_sim 'mkdir a a/mon_groups/m; sim-ctl occupancy "0 1000" a; sim-ctl occupancy "0 500" a/mon_groups/m; cat a/mon_data/mon_L3_00/llc_occupancy')"
is 'words in place of numbers' 'Unavailable Error Unassigned' "$(in_sim 'mkdir a; for word in unavailable error unassigned; do sim-ctl occupancy "1 $word" a; cat a/mon_data/mon_L3_01/llc_occupancy; done | xargs')"
is 'SNC: an L3 is the sum of its nodes' '30 10 20' "$(in_sim --machine snc2 'sim-ctl occupancy "2 10"; sim-ctl occupancy "3 20"; cd mon_data/mon_L3_01; echo $(cat llc_occupancy mon_sub_L3_02/llc_occupancy mon_sub_L3_03/llc_occupancy)')"

# ---- CPUs that go ----

is 'a CPU that goes is in no group' '1 |' "$(in_sim 'mkdir a; echo 1-2 > a/cpus_list; sim-ctl offline 2; echo "$(cat a/cpus_list) | $(grep -o "\b2\b" cpus_list)"' | sed 's/ *$//')"
is 'it comes back to the default group' '1 0,2-31' "$(in_sim 'mkdir a; echo 1-2 > a/cpus_list; sim-ctl offline 2; sim-ctl online 2; echo $(cat a/cpus_list cpus_list)')"
is 'a domain goes with its last CPU and comes back reset' '0=001 mon_L3_00 0=001;1=7ff' "$(in_sim --machine intel-2s 'mkdir a; echo "L3:0=1;1=1" > a/schemata; all=$(cat /sys/devices/system/cpu/cpu8/cache/index3/shared_cpu_list); sim-ctl offline $all; one=$(sed -n "s/.*L3://p" a/schemata); dirs=$(ls a/mon_data); sim-ctl online $all; echo $one $dirs $(sed -n "s/.*L3://p" a/schemata)')"

# ---- mounts ----

if [ "$(id -u)" = 0 ]; then
	is 'mount and umount reach it' 'EMPTY L3CODE' "$(in_sim --mounts 'mkdir a; cd /; umount /sys/fs/resctrl; [ -z "$(ls /sys/fs/resctrl)" ] && echo EMPTY; mount -t resctrl -o cdp resctrl /sys/fs/resctrl; ls /sys/fs/resctrl/info | grep -x L3CODE; ls -d /sys/fs/resctrl/a 2>/dev/null' | xargs)"
	is 'not mounted at the start' 'sysfs 0 MB:0=4294967295' "$(in_sim --unmounted 'cd /; echo $(stat -f -c %T /sys/fs/resctrl; grep -c resctrl /proc/mounts; mount -t resctrl -o mba_MBps resctrl /sys/fs/resctrl; grep -o "MB:0=[0-9]*" /sys/fs/resctrl/schemata)')"
	is 'options that the machine has not' '32 0' "$(in_sim --unmounted --machine few-closids 'cd /; mount -t resctrl -o cdp resctrl /sys/fs/resctrl 2>/dev/null; echo $? $(grep -c resctrl /proc/mounts)')"
	is 'a user namespace does as well' 'rdt yes 0=00f;1=7ff' "$(in_sim --user 'mkdir a; echo $$ > a/tasks; echo "L3:0=f" > a/schemata; echo $(stat -f -c %T .) $(grep -qx $$ a/tasks && echo yes) $(sed -n "s/^ *L3://p" a/schemata)')"
	is 'mounts, in a user namespace' 'L3CODE' "$(in_sim --user --unmounted 'cd /; mount -t resctrl -o cdp resctrl /sys/fs/resctrl; ls /sys/fs/resctrl/info | grep -x L3CODE')"
	is 'a machine, in a user namespace' '0-63' "$(in_sim --user --machine amd 'cat /sys/devices/system/cpu/online')"
fi

# ---- nothing is left ----

marker=sim-run-test-$$
sim-run -- bash -c "exec -a $marker sleep 300 & exec -a $marker sleep 300" &
runner=$!
for _ in $(seq 100); do
	[ "$(pgrep -cf "^$marker")" = 2 ] && break
	sleep 0.05
done
simulator=$(pgrep -P $runner -f resctrl-sim)
kill -9 $runner
wait $runner 2>/dev/null
for _ in $(seq 100); do
	kill -0 "$simulator" 2>/dev/null || break
	sleep 0.05
done
is 'the simulator ends when sim-run is killed' 1 "$(kill -0 "$simulator" 2>/dev/null; echo $?)"
mapfile -t orphans < <(pgrep -f "^$marker")
[ ${#orphans[@]} = 0 ] || kill -9 "${orphans[@]}" # what the killed command had made
timeout 30 sim-run -- bash -c "(exec -a $marker sleep 300 &) ; sleep 0.5; exit 0"
is 'what the command leaves running is ended' 0 "$(pgrep -cf "^$marker")"
is 'nothing is mounted here' "" "$(grep -E 'fuse.resctrl|sim-run' /proc/self/mounts)"
finish
