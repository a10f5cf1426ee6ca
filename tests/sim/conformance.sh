#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# conformance.sh [FOLDER]: what a mounted resctrl says to some hundred operations, right and wrong. One block an
# operation: what it was, how it ended (ok or the errno), what info/last_cmd_status says when it says more than "ok",
# and the files that it is about, read back. The same lines come from the same behaviour: masks, bandwidths and CPUs
# are taken from the machine, threads are called TASK. To be run on a real resctrl and on the simulator, and compared.
#
# A kernel lets RMIDs rest for a second or two before it uses them again; SETTLE is how long to wait for that.
#
# OFFLINE and ONLINE are commands that take a CPU away and bring it back; without them that part is left out.
# DOMAINS_STAY, if not empty: no domain's last CPU is taken away.
#
# It starts few programs: an emulated machine takes its time for each.
set -u
shopt -s nullglob
export LC_ALL=C
root=${1:-/sys/fs/resctrl}
cd "$root" || exit 1
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# What a message of printf, mkdir or rmdir ends in.
errno_of() {
	case $1 in
	*'Invalid argument'*) echo EINVAL ;;
	*'No space left on device'*) echo ENOSPC ;;
	*'No such process'*) echo ESRCH ;;
	*'No such file or directory'*) echo ENOENT ;;
	*'Operation not permitted'*) echo EPERM ;;
	*'Permission denied'*) echo EACCES ;;
	*'File exists'*) echo EEXIST ;;
	*'Device or resource busy'*) echo EBUSY ;;
	*'Numerical result out of range'*) echo ERANGE ;;
	*'Value too large'*) echo EOVERFLOW ;;
	*'Argument list too long'*) echo E2BIG ;;
	*'Not a directory'*) echo ENOTDIR ;;
	*'Is a directory'*) echo EISDIR ;;
	*'File name too long'*) echo ENAMETOOLONG ;;
	*'No such device'*) echo ENODEV ;;
	*) echo "? $1" ;;
	esac
}

# Threads by name, in $text.
mask_threads() {
	local name
	for name in task dead; do
		while [[ " $text " =~ ^\ (.*[^0-9])?${!name}([^0-9].*)?\ $ ]]; do
			text=${BASH_REMATCH[1]}${name^^}${BASH_REMATCH[2]}
		done
	done
}

# Of the last command, whose messages are in $said.
outcome() {
	local message lines text
	message=$(< "$said")
	if [ -z "$message" ]; then
		echo '  = ok'
	else
		printf '  = '
		errno_of "$message"
	fi
	mapfile -t lines < info/last_cmd_status
	for text in "${lines[@]}"; do
		mask_threads
		[ "$text" = ok ] || echo "  ! $text"
	done
}

show() { # FILE...
	local file name lines line
	for file; do
		if [ -d "$file" ]; then
			for name in "$file"/*; do
				echo "  $file/ ${name##*/}"
			done
		elif [ -e "$file" ]; then
			mapfile -t lines < "$file"
			for line in "${lines[@]}"; do
				echo "  $file: $line"
			done
		else
			echo "  $file: none"
		fi
	done
}

# put FILE TEXT [FILE...]: one write of TEXT, in which printf's escapes count; the files are shown then.
put() {
	local file=$1 text=${2:0:60} write=printf
	mask_threads
	echo "write $file \"$text\""
	# bash's own writes line by line
	[[ $2 != *'\n'?* ]] || write='env printf'
	if [ -e "$file" ]; then
		{ $write -- "$2" > "$file"; } 2> "$said"
	else
		echo 'No such file or directory' > "$said"
	fi
	outcome
	show "${@:3}"
}

make() { # FOLDER [FILE...]
	local name=${1//$'\n'/?}
	echo "mkdir ${name:0:60}"
	mkdir "$1" 2> "$said"
	outcome
	show "${@:2}"
}

remove() { # FOLDER [FILE...]
	echo "rmdir ${1:0:60}"
	rmdir "$1" 2> "$said"
	outcome
	show "${@:2}"
}

has_task() { # GROUP
	local tids
	mapfile -t tids < "$1/tasks"
	[[ " ${tids[*]} " = *" $task "* ]] && echo "  $1/tasks has TASK" || echo "  $1/tasks has no TASK"
}

task_groups() { # as the kernel says of the thread itself
	sed 's/^/  TASK /' "/proc/$task/cpu_resctrl_groups"
}

title() {
	printf '\n## %s\n' "$*"
	echo shareable > mode # forgets what was said
}

hex() {
	printf %x "$1"
}

# ---- the machine ----

sleep 1000 &
task=$!
sh -c 'exit 0' &
dead=$!
wait "$dead"
trap 'kill "$task"; rm -f "$said"' EXIT

cache=
for name in L3 L3DATA L2 L2DATA; do
	[ -z "$cache" ] && [ -d "info/$name" ] && cache=$name
done
full=$((0x$(cat "info/$cache/cbm_mask")))
ways=0
while [ $((full >> ways)) -gt 0 ]; do
	ways=$((ways + 1))
done
half=$(((1 << ways / 2) - 1))
top=$((full & ~half))
least=$(cat "info/$cache/min_cbm_bits")
doms=$(sed -n "s/^ *$cache://p" schemata | tr ';' '\n' | cut -d= -f1)
first=$(echo "$doms" | head -n 1)
last=$(echo "$doms" | tail -n 1)
cpus=$(cat /sys/devices/system/cpu/online)
many=$((${cpus##*[-,]} + 1))

title "the root"
show . mon_data mon_groups info info/*
for file in info/*/*; do
	case $file in
	info/L3_MON/max_threshold_occupancy) ;;
	*) show "$file" ;;
	esac
done
show schemata size mode cpus cpus_list info/last_cmd_status
stat -c '  %n: %A' schemata size info/last_cmd_status info/$cache/cbm_mask mon_data tasks

title "making groups"
make a a a/schemata a/size a/mode a/cpus a/cpus_list a/tasks
make a
make a/b
make info/b
make mon_data/b
make mon_groups
make $'bad\nname'
printf -v long '%0300d' 0
make "$long"
remove "$long"
make .hidden .hidden/mode
remove .hidden
make 'a name' 'a name/schemata'
remove 'a name'
make mon_groups/m mon_groups/m
make mon_groups/m/n
make mon_groups/mon_groups
make a/mon_groups/m a/mon_groups/m/mon_data
make none/b
remove none
remove a/mon_data
remove a/mon_groups
remove info
remove info/$cache
remove a/schemata
put a/size "1\n"
put info/last_cmd_status "ok\n"
put info/$cache/cbm_mask "1\n"
put mon_data/mon_L3_00/llc_occupancy "1\n"

title "masks"
put a/schemata "$cache:$first=$(hex $half)\n" a/schemata a/size info/$cache/bit_usage
put a/schemata "$cache:$first=$(hex $top);$last=$(hex $half)\n" a/schemata
put a/schemata "$cache:$first=0$(hex $half)\n" a/schemata
put a/schemata "$cache:$first=0x$(hex $half)\n" a/schemata
put a/schemata "  $cache :$first= $(hex $top) \n" a/schemata
put a/schemata "$cache: $first=$(hex $half)\n" a/schemata
put a/schemata "$cache:0$first=$(hex $half)\n" a/schemata
put a/schemata "$cache:$first=0\n" a/schemata
put a/schemata "$cache:$first=$(hex $((full + 1)))\n" a/schemata
put a/schemata "$cache:$first=fffffffff\n"
put a/schemata "$cache:$first=fffffffffffffffff\n"
put a/schemata "$cache:$first=$(hex $((1 | 1 << 2)))\n" a/schemata
put a/schemata "$cache:$first=$(hex $((full & ~2)))\n" a/schemata
put a/schemata "$cache:$first=1\n" a/schemata a/size
put a/schemata "$cache:$first=$(hex $(((1 << least) - 1)))\n" a/schemata
put a/schemata "$cache:$first=xyz\n"
put a/schemata "$cache:$first=-1\n"
put a/schemata "$cache:$first=\n"
put a/schemata "$cache:$first\n"
put a/schemata "$cache:\n"
put a/schemata "$cache\n"
put a/schemata "$cache:=f\n"
put a/schemata "$cache:x=f\n"
put a/schemata "$cache:99=1\n" a/schemata
put a/schemata "$cache:-1=1\n"
put a/schemata "$cache:$first=1;99=1\n" a/schemata
put a/schemata "$cache:$first=3;$first=1\n" a/schemata
put a/schemata "$cache:$first=3;\n" a/schemata
put a/schemata "$cache:;$first=3\n"
put a/schemata "$cache:$first=7" a/schemata
put a/schemata "\n"
put a/schemata "L9:0=1\n"
put a/schemata "l3:0=1\n"
put a/schemata "$cache:$first=7\nL9:0=1\n" a/schemata
put a/schemata "$cache:$first=7\n$cache:$last=7\n" a/schemata
put a/schemata "$cache:$first=3\n$cache:$first=7\n" a/schemata
put a/schemata "$cache:$first=7\n\n" a/schemata
printf -v long '%5000d' 0
put a/schemata "$long\n"
put schemata "$cache:$first=$(hex $half)\n" schemata info/$cache/bit_usage
put schemata "$cache:$first=$(hex $full)\n" schemata
put a/mon_groups/m/schemata "$cache:$first=1\n"
if [ -d info/L3CODE ]; then
	title "code and data"
	put a/schemata "L3CODE:$first=$(hex $half)\nL3DATA:$first=$(hex $top)\n" a/schemata a/size info/L3CODE/bit_usage
	put a/schemata "L3:$first=1\n"
	put a/schemata "L3CODE:$first=0\n"
fi

for bw in MB SMBA; do
	[ -d info/$bw ] || continue
	title "bandwidth $bw"
	min=$(cat info/$bw/min_bandwidth) gran=$(cat info/$bw/bandwidth_gran)
	max=$(sed -n "s/^ *$bw:[0-9]*= *\([0-9]*\).*/\1/p" a/schemata)
	for value in $max $min 55 $((min + 1)) $((gran * 3 + 1)) 65 $((max + 1)) 0 -1 x 0x10 4294967296 '' 1.5; do
		put a/schemata "$bw:$first=$value\n" a/schemata
	done
	put a/schemata "$bw:$first=50;$last=$max\n" a/schemata a/size
	put a/schemata "$bw:$first=50;$first=50\n" a/schemata
	put a/schemata "$bw:99=50\n"
	put a/schemata "$cache:$first=1\n$bw:$first=x\n" a/schemata
	put a/schemata "$bw:$first=20\n$cache:$first=0\n" a/schemata
	put schemata "$bw:$first=50\n" schemata
	put schemata "$bw:$first=$max\n" schemata
done

title "modes"
put a/schemata "$cache:$first=$(hex $full);$last=$(hex $full)\n"
put a/mode "exclusive\n" a/mode
put a/mode "shareable\n" a/mode
put a/mode "nonsense\n" a/mode
put a/mode "exclusive" a/mode
put a/mode "exclusive \n" a/mode
put a/mode "pseudo-locked\n" a/mode
put mode "pseudo-locksetup\n" mode
put a/mode "pseudo-locksetup\n" a/mode a/schemata
all=
for d in $doms; do
	all="$all${all:+;}$d=$(hex $half)"
done
[ "$cache" = L3DATA ] && root_lines="L3CODE:$all\nL3DATA:$all\n" || root_lines="$cache:$all\n"
put schemata "$root_lines" schemata
make b b/schemata
exclusive=$(hex $((1 << ways / 2)))
all_exclusive=$(echo "$all" | sed "s/=[0-9a-f]*/=$exclusive/g")
all_shared=$(echo "$all" | sed "s/=[0-9a-f]*/=1/g")
for line in "$cache" $([ "$cache" = L3DATA ] && echo L3CODE); do
	put a/schemata "$line:$all_exclusive\n"
	put b/schemata "$line:$all_shared\n"
done
put a/mode "exclusive\n" a/mode info/$cache/bit_usage
put b/schemata "$cache:$first=$exclusive\n" b/schemata
put schemata "$cache:$first=$(hex $full)\n" schemata
put a/schemata "$cache:$first=1\n" a/schemata
put a/schemata "$cache:$first=$(hex $((full & ~(full >> 1))))\n" a/schemata info/$cache/bit_usage
put b/mode "exclusive\n" b/mode
make c c/schemata
remove c
put a/mode "shareable\n" a/mode info/$cache/bit_usage
put a/mode "exclusive\n" a/mode
remove a info/$cache/bit_usage
make a a/schemata a/mode
remove b

title "tasks"
make b
put a/tasks "$task\n"
has_task a
has_task .
put b/tasks "$task"
has_task a
has_task b
put a/tasks " $task \n"
has_task a
put a/tasks "$dead\n"
put a/tasks "4194305\n"
put a/tasks "-1\n"
put a/tasks "x\n"
put a/tasks "\n"
put a/tasks "99999999999\n"
put a/tasks "1.5\n"
put b/tasks "$task,$dead\n"
has_task b
put a/tasks "$dead,$task\n"
has_task a
put a/tasks "$task;1\n"
put b/tasks "$task,\n"
has_task b
put a/tasks "$task\n1\n"
has_task a
put a/tasks "$task\n"
make a/mon_groups/x
make b/mon_groups/x
put a/mon_groups/x/tasks "$task\n"
has_task a/mon_groups/x
has_task a
put b/mon_groups/x/tasks "$task\n"
has_task b/mon_groups/x
put a/tasks "$task\n"
has_task a/mon_groups/x
put a/mon_groups/x/tasks "$task\n"
task_groups
make a/mon_groups/y
put a/mon_groups/y/tasks "$task\n"
has_task a/mon_groups/x
has_task a/mon_groups/y
has_task a
task_groups
put mon_groups/x/tasks "$task\n"
make mon_groups/w
put mon_groups/w/tasks "$task\n"
put tasks "$task\n"
put mon_groups/w/tasks "$task\n"
has_task mon_groups/w
task_groups
remove mon_groups/w
task_groups
put a/tasks "$task\n"
put a/mon_groups/x/tasks "$task\n"
remove a/mon_groups/y
remove a/mon_groups/x
has_task a
task_groups
make a/mon_groups/x
put a/mon_groups/x/tasks "$task\n"
remove a
has_task .
# shellcheck disable=SC2016 # the inner shell's own number
(echo 0 > b/tasks && sh -c 'grep -qx $$ "$1/b/tasks" && echo "  a child is where its parent is"' - "$root") 2>&1

title "CPUs"
make a a/cpus a/cpus_list
put a/cpus_list "1\n" a/cpus a/cpus_list cpus cpus_list
put b/cpus_list "0-1\n" a/cpus_list b/cpus_list cpus_list
put b/cpus_list "0\n" b/cpus_list cpus_list
put a/cpus "2\n" a/cpus_list cpus_list
put a/cpus "00000002,\n" a/cpus_list
put a/cpus "0,00000002\n" a/cpus_list
put a/cpus "1" a/cpus_list b/cpus_list
put a/cpus "x\n" a/cpus_list
put a/cpus "fffffffff\n" a/cpus_list
put a/cpus "1,00000000,00000000\n" a/cpus_list
put a/cpus "1,00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000\n"
put a/cpus_list "x\n" a/cpus_list
put a/cpus_list "1-0\n" a/cpus_list
put a/cpus_list "-1\n" a/cpus_list
put a/cpus_list "0-\n" a/cpus_list
put a/cpus_list "0 1\n" a/cpus_list
put a/cpus_list " 1, ,0,\n" a/cpus_list
put a/cpus_list "$many\n" a/cpus_list
put a/cpus_list "100000\n" a/cpus_list
put a/cpus_list "99999999999\n" a/cpus_list
put a/cpus_list "0-1:1/2\n" a/cpus_list
put a/cpus_list "0-1:2/1\n" a/cpus_list
put a/cpus_list "all\n" a/cpus_list cpus_list
put a/cpus_list "N\n" a/cpus_list cpus_list
put a/cpus_list "1\n" a/cpus_list
put cpus_list "0\n" cpus_list
put cpus_list "0-$((many - 1))\n" a/cpus_list cpus_list
put a/cpus_list "0-1\n" a/cpus_list
make a/mon_groups/x
make a/mon_groups/y
put a/mon_groups/x/cpus_list "0-1\n" a/mon_groups/x/cpus_list a/cpus_list
put a/mon_groups/y/cpus_list "1\n" a/mon_groups/x/cpus_list a/mon_groups/y/cpus_list a/cpus_list
put a/mon_groups/y/cpus_list "$((many - 1))\n" a/mon_groups/y/cpus_list
put a/mon_groups/y/cpus_list "\n" a/mon_groups/y/cpus_list a/cpus_list
put b/cpus_list "0\n" a/cpus_list a/mon_groups/x/cpus_list
put a/cpus_list "1\n" a/mon_groups/x/cpus_list
put a/cpus_list "\n" a/cpus_list cpus_list
put a/cpus_list "1\n"
remove a cpus_list
put b/cpus_list "\n" cpus_list
printf 'move a monitoring group\n'
make a
make a/mon_groups/x
mv -T a/mon_groups/x b/mon_groups/z 2> "$said"
outcome
show b/mon_groups
remove a
remove b

if [ -n "${OFFLINE:-}" ]; then
	title "CPUs that go"
	# Linux 6.12 hangs when a domain's last CPU goes while RMIDs rest there (cqm_handle_limbo: a timer on no CPU).
	sleep "${SETTLE:-0}"
	cpu=$((many - 1))
	make a
	put a/cpus_list "$cpu\n" a/cpus_list
	$OFFLINE "$cpu"
	show a/cpus_list a/cpus cpus_list cpus
	put a/cpus_list "$cpu\n" a/cpus_list
	put a/schemata "$cache:$first=$(hex $half);$last=$(hex $half)\n" a/schemata
	for other in $([ -n "${DOMAINS_STAY:-}" ] || seq $((cpu - 1)) -1 0); do
		[ "$(cat /sys/devices/system/cpu/cpu$other/cache/index3/id)" = "$last" ] || continue
		$OFFLINE "$other"
		gone="${gone:-} $other"
	done
	show a/schemata a/size a/mon_data info/$cache/bit_usage schemata cpus_list
	put a/schemata "$cache:$last=$(hex $half)\n" a/schemata
	make b b/schemata
	for other in $cpu ${gone:-}; do
		$ONLINE "$other"
	done
	show a/schemata b/schemata a/mon_data schemata a/cpus_list cpus_list
	remove a
	remove b
fi

title "how many groups"
remove mon_groups/m
sleep "${SETTLE:-0}"
# a few more than there can be: each that fails costs an RMID its rest
mapfile -t groups <<< "$(seq -f g%g 0 "$(< "info/$cache/num_closids")")"
mkdir "${groups[@]}" 2> "$said"
made=(g*)
echo "  ${#made[@]} control groups"
make more
remove g0
make more
remove more
rmdir g*
sleep "${SETTLE:-0}"
rmids=0
[ ! -d info/L3_MON ] || rmids=$(< info/L3_MON/num_rmids)
mapfile -t groups <<< "$(seq -f mon_groups/g%g 0 "$rmids")"
mkdir "${groups[@]}" 2> "$said"
made=(mon_groups/g*)
echo "  ${#made[@]} monitoring groups"
make mon_groups/more
make more
rmdir mon_groups/g*
if [ -d info/L3_MON ]; then
	title "thresholds"
	was=$(< info/L3_MON/max_threshold_occupancy)
	for value in 0 x -1 99999999999 4294967295; do
		put info/L3_MON/max_threshold_occupancy "$value\n"
	done
	echo "$was" > info/L3_MON/max_threshold_occupancy
fi
title "at the end"
put schemata "$cache:$first=$(hex $full)\n" schemata . cpus_list mode info/last_cmd_status
