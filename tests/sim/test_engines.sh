#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# test_engines.sh BUILD-DIR: the RDT engines in the simulator. The same steps by the engine resctrl and by pqos-os have
# to come to the same, on each machine; and libpqos has to leave a host as it was. Speaks TAP.
#
# test_engines.sh --steps BUILD-DIR ENGINE: the steps, inside the simulator. What is seen is printed below "## STEP".
# test_engines.sh --case BUILD-DIR NAME: a case of pqos-os, inside the simulator: what is wrong is printed.
set -u
self=$(realpath "$0")
machines='intel-2s cdp mbps few-closids l2'
root=/sys/fs/resctrl
record=/run/isolat/pqos-groups

engine() # OPERATION...: by $name; its hints are not compared
{
	"$build/tests/sim/engine" "$name" "$@" 2>/dev/null
}

# ---- What is seen -------------------------------------------------------------------------------------------------

folder() # GROUP: where it is in resctrl
{
	local cos
	[ "$1" != - ] || { echo "$root"; return; }
	[ "$name" != resctrl ] || { echo "$root/$1"; return; }
	cos=$(jq --arg group "$1" '.groups[$group] // empty' "$record" 2>/dev/null)
	echo "$root/COS$cos"
}

pid_names() # instead of PIDs: other threads' are left out
{
	sed -E "s/^$one\$/one/; s/^$two\$/two/; /^[0-9]+\$/d"
}

see() # GROUP: by the engine, and in the files
{
	local where
	where=$(folder "$1")
	echo "# $1"
	engine schemata "$1" , cpus "$1" , tasks "$1" | pid_names
	sed 's/^ *//; s/[=:] */&/g; s/= */=/g' "$where/schemata" | grep -v '^SMBA' | sort
	cat "$where/cpus_list"
	pid_names <"$where/tasks" | sort
}

# Only the code of an error, for each engine has its own words: "error 1", or "error 1 gone".
refused() # OPERATION...
{
	engine "$@" | sed -E 's/^error: ([0-9]+) .* \(gone\)$/error \1 gone/; s/^error: ([0-9]+) .*/error \1/'
}

# ---- The steps ----------------------------------------------------------------------------------------------------

# What this machine's masks and bandwidths are.
look_around()
{
	local line info
	line=$(grep -m1 -E '^ *L[23]' $root/schemata)
	cache=$(sed 's/^ *//; s/:.*//' <<<"$line")
	twin=$(tr '\n' ' ' <$root/schemata | grep -oE 'L[23](CODE|DATA)' | grep -vx "$cache") # with CDP
	last=$(sed 's/.*[:;]\([0-9]*\)=[0-9a-f]*$/\1/' <<<"$line")
	full=$(sed 's/.*=//' <<<"$line")
	info=$root/info/$cache
	min=$(cat "$info/min_cbm_bits")
	low=$(printf %x $(((1 << (min + 1)) - 1)))
	closids=$(cat $root/info/*/num_closids | sort -n | head -n1)
	mb=$(grep -c '^ *MB:' $root/schemata)
	bandwidth=
	[ "$mb" = 0 ] || bandwidth=MB:0=50
	percent=
	[ "$mb" = 0 ] || ! grep -q 'MB:0= *100\>' $root/schemata || percent=1
}

# Masks of the first domain and of the last, where that is another one.
both() # MASK MASK
{
	echo "$cache:0=$1$([ "$last" = 0 ] || echo ";$last=$2")"
}

write_steps()
{
	echo "## write"
	engine make isolat-a , make isolat-b , list
	engine write isolat-a "$cache:0=$low"
	see isolat-a
	engine write isolat-a "$cache:$last=$low" ${bandwidth:+"$bandwidth"}
	engine write isolat-b "$(both "$full" "$low")"
	[ -z "$twin" ] || engine write isolat-b "$twin:0=$low"
	see isolat-a
	see isolat-b
	engine write - "$cache:0=$low"
	see -
	engine write - "$cache:0=$full"
}

refuse_steps()
{
	echo "## refuse"
	refused write isolat-a "$cache:77=$low"
	refused write isolat-a "$cache:0=1$full"
	refused write isolat-a "$cache:0=0"
	refused write isolat-a "$cache:0=$low;0=$low"
	refused write isolat-a "$cache:0=5"
	refused write isolat-a "$cache:0=$full;$last=1$full"
	refused write isolat-a "L9:0=f"
	refused write isolat-a "nonsense"
	[ "$min" = 1 ] || refused write isolat-a "$cache:0=1"
	[ -z "$percent" ] || refused write isolat-a "MB:0=101"
	[ -z "$percent" ] || refused write isolat-a "MB:0=9"
	[ -z "$percent" ] || refused write isolat-a "$cache:0=$full" "MB:0=101"
	refused write isolat-none "$cache:0=$full"
	refused make isolat-a
	refused make other
	refused remove isolat-none
	see isolat-a
}

# Percent are rounded up; MB/s are taken as they are.
round_steps()
{
	echo "## round"
	[ "$mb" = 0 ] || engine write isolat-a MB:0=51 , write isolat-b MB:0=14
	see isolat-a
	see isolat-b
}

task_steps()
{
	local gone
	echo "## tasks"
	engine move isolat-a "$one" , move isolat-b "$two" , find "$one" , find "$two" , find $$
	see isolat-a
	engine move isolat-b "$one" , move - "$two" , find "$one" , find "$two"
	see isolat-b
	sleep 0 &
	gone=$!
	wait "$gone"
	refused move isolat-a "$gone" , find "$gone" , move isolat-none "$one"
}

cpu_steps()
{
	echo "## cpus"
	engine assign isolat-a 0-1
	see isolat-a
	engine assign isolat-b 1-2
	see isolat-a
	see isolat-b
	see -
	engine assign isolat-b 2
	see -
	engine assign isolat-b ""
	refused assign isolat-b 9999
	refused assign isolat-b 1-
	see isolat-b
}

full_steps()
{
	local i
	echo "## out of CLOSIDs"
	for ((i = 3; i <= closids; i++)); do
		refused make "isolat-$i"
	done
	engine list
	for ((i = 3; i < closids; i++)); do
		engine remove "isolat-$i"
	done
	engine list
}

remove_steps()
{
	echo "## remove"
	engine assign isolat-a 0 , write isolat-a "$cache:0=$low" , move isolat-a "$two" , remove isolat-a , list
	engine find "$two"
	see -
	engine make isolat-a , write isolat-a "$(both "$full" "$full")"
	see isolat-a
	engine remove isolat-a , remove isolat-b , list
	see -
}

steps()
{
	local before
	sleep 1000 &
	one=$!
	sleep 1000 &
	two=$!
	trap 'kill $one $two' EXIT
	before=$(ls -R $root; cat $root/schemata)
	look_around
	write_steps
	refuse_steps
	round_steps
	task_steps
	cpu_steps
	full_steps
	remove_steps
	echo "## nothing is left"
	diff <(echo "$before") <(ls -R $root; cat $root/schemata)
	[ ! -d /run/isolat ] || find /run/isolat -mindepth 1 ! -name 'pqos.lock' ! -name 'pqos.users' # locks may stay
}

# ---- What only libpqos's engine has: each prints what is wrong ------------------------------------------------------

groups()
{
	find $root -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | grep -vE '^(info|mon_data|mon_groups)$' | sort | xargs
}

want() # WHAT EXPECTED GOT
{
	[ "$2" = "$3" ] || echo "$1: '$3', not '$2'"
}

# Starts an engine that waits with what it has opened; its PID is in $waiting.
open_and_wait() # OPERATION...
{
	coproc WAIT { exec "$build/tests/sim/engine" pqos-os "$@" , wait; }
	waiting=$WAIT_PID
	read -r -u "${WAIT[0]}" _
}

# Waits for all of a killed engine to end: its helper has the lock until then.
settle()
{
	local i
	for ((i = 0; i < 500; i++)); do
		[ -n "$(ps -eo stat=,comm= | grep -v '^Z' | grep -w isolat-pqos)" ] || return
		sleep 0.01
	done
	echo "the helper of a killed engine still runs"
}

case_foreign() # a group that somebody else has
{
	mkdir $root/libvirt
	want "exit status" "error 1" "$(refused list)"
	want "groups" libvirt "$(groups)"
}

case_foreign_cos() # and one that is called as libpqos's
{
	mkdir $root/COS2
	want "exit status" "error 1" "$(refused list)"
	want "groups" COS2 "$(groups)"
}

case_unmounted()
{
	want "exit status" "error 3" "$(refused list)"
	"$build/tests/sim/engine" pqos-os list 2>&1 | grep -q 'hint: mount -t resctrl' || echo "no hint how to mount it"
	[ ! -e $root/schemata ] || echo "it is mounted now"
}

case_kill() # an engine that had nothing
{
	open_and_wait list
	[[ $(groups) == COS1* ]] || echo "no COS folders while it is open"
	kill -9 "$waiting"
	wait "$waiting" 2>/dev/null
	settle
	[[ $(groups) == COS1* ]] || echo "no COS folders after kill -9"
	engine list
	want "groups" "" "$(groups)"
	[ ! -e $record ] || echo "the record is there still"
}

case_kill_with_names()
{
	open_and_wait make isolat-a , make isolat-b , write isolat-b L3:0=f
	kill -9 "$waiting"
	wait "$waiting" 2>/dev/null
	settle
	want "names" "isolat-a isolat-b" "$(engine list | xargs)"
	want "mask" L3:0=f "$(engine schemata isolat-b | grep -o 'L3:0=f\>')"
	engine remove isolat-a , remove isolat-b
	want "groups" "" "$(groups)"
}

case_two_engines()
{
	open_and_wait list
	engine list
	[[ $(groups) == COS1* ]] || echo "the second has taken away what the first uses"
	kill "$waiting"
	wait "$waiting" 2>/dev/null
	settle
	engine list
	want "groups" "" "$(groups)"
}

# The second of two domains fails: the first gets back what it had.
case_half_a_write()
{
	local before writes i hit=0
	engine make isolat-a , write isolat-a "L3:0=f;1=f"
	before=$(engine schemata isolat-a)
	open_and_wait list # so that nothing but the write is counted below
	writes=$("$build/tests/sim/sim-ctl" ops)
	engine write isolat-a "L3:0=ff;1=ff"
	writes=$(($("$build/tests/sim/sim-ctl" ops) - writes))
	[ "$writes" -ge 2 ] || echo "$writes operations for two domains"
	for ((i = 1; i <= writes; i++)); do
		engine write isolat-a "L3:0=f;1=f"
		"$build/tests/sim/sim-ctl" fault "$i EINVAL"
		refused write isolat-a "L3:0=ff;1=ff" >"$ISOLAT_CASE"
		[ "$(cat "$ISOLAT_CASE")" = "error 1" ] || continue # it hit what libpqos tries at its start
		want "schemata after operation $i failed" "$before" "$(engine schemata isolat-a)"
		hit=$((hit + 1))
	done
	want "faults that were seen, one a domain" 2 "$hit"
}

# Somebody else has resctrl's lock: libpqos gives up after 100 ms, and nothing has changed.
case_busy()
{
	local before
	engine make isolat-a
	before=$(engine schemata isolat-a)
	want "exit status" "error 1" "$(flock $root "$build/tests/sim/engine" pqos-os write isolat-a L3:0=f 2>/dev/null |
		sed -E 's/^(error): ([0-9]).*/\1 \2/')"
	want "schemata" "$before" "$(engine schemata isolat-a)"
	engine remove isolat-a
}

case_sockets_are_no_l3s()
{
	want "exit status" "error 3" "$(refused list)"
	want "groups" "" "$(groups)"
	[ ! -e $record ] || echo "the record is there still"
}

# ---- Outside ------------------------------------------------------------------------------------------------------

n=0
failed=0

verdict() # NAME WHY: WHY is empty when all is well
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
		return
	fi
	echo "not ok $n - $1"
	sed 's/^/# /' <<<"$2" | head -n 40
	failed=1
}

section() # STEP: its part of stdin
{
	awk -v step="## $1" '/^## / { on = $0 == step; next } on'
}

compare() # MACHINE
{
	local direct libpqos step
	direct=$(timeout 120 "$sim_run" --machine "$1" -- "$self" --steps "$build" resctrl 2>&1)
	libpqos=$(timeout 120 "$sim_run" --machine "$1" -- "$self" --steps "$build" pqos-os 2>&1)
	[ "$(grep -c '^## ' <<<"$direct")" = 8 ] || verdict "$1: all steps were done" "$direct"
	while read -r step; do
		verdict "$1: $step" "$(diff <(section "$step" <<<"$direct") <(section "$step" <<<"$libpqos") |
			sed -n 's/^</resctrl:/p; s/^>/pqos-os:/p')"
	done < <(sed -n 's/^## //p' <<<"$direct")
	verdict "$1: resctrl left nothing" "$(section 'nothing is left' <<<"$direct")"
}

in_sim() # CASE WORDS OPTION...
{
	local case=$1 words=$2
	shift 2
	verdict "pqos-os: $words" "$(timeout 60 "$sim_run" "$@" -- "$self" --case "$build" "$case" 2>&1)"
}

all_cases()
{
	in_sim foreign "refuses a foreign group" --machine intel-2s
	in_sim foreign_cos "refuses a COS group that is not its own" --machine intel-2s
	in_sim unmounted "does not mount resctrl" --machine intel-2s --unmounted
	in_sim kill "after kill -9 the next one tidies up" --machine intel-2s
	in_sim kill_with_names "names live through kill -9" --machine intel-2s
	in_sim two_engines "the last of two engines tidies up" --machine intel-2s
	in_sim half_a_write "a write that fails half-way is taken back" --machine intel-2s
	in_sim busy "somebody else has resctrl's lock" --machine intel-2s
	in_sim sockets_are_no_l3s "refuses where sockets have several L3 caches" --machine amd
}

case $1 in
--steps)
	build=$2 name=$3
	steps
	exit
	;;
--case)
	build=$2 name=pqos-os
	ISOLAT_CASE=$(mktemp)
	trap 'rm -f "$ISOLAT_CASE"' EXIT
	"case_$3"
	exit
	;;
esac

build=$(realpath "$1")
sim_run=${ISOLAT_SIM_RUN:-$build/tests/sim/sim-run}
. "$(dirname "$self")/vendor.bash" || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf -- "$folder"' EXIT
export ISOLAT_LIBEXEC=$folder
as_on_intel "$ISOLAT_LIBEXEC" "$build/isolat-pqos"
for machine in $machines; do
	compare "$machine"
done
all_cases
exit "$failed"
