# SPDX-License-Identifier: BSD-3-Clause
# For the scripts that apply profiles in a host VM with emulated RDT. $resctrl, $scratch, $isolat, $linear and $pids are
# theirs, and check.sh's check().
# shellcheck shell=bash disable=SC2154,SC2034

# Few programs: an emulated machine takes its time for each.
listing()
{
	find $resctrl -path $resctrl/info -prune -o -path '*/mon_data' -prune -o -type d -print | sort
	find $resctrl -path $resctrl/info -prune -o -path '*/mon_data' -prune -o -type f ! -name tasks -print0 |
		sort -z | xargs -0 grep -H ''
	find $resctrl -name tasks -print0 | sort -z | xargs -0 grep -HwE "$pids"
	grep resctrl /proc/self/mounts
}

same() # NAME FILE
{
	listing >"$scratch/now"
	check "$1" '' "$(diff "$2" "$scratch/now" | head -n 5 | tr '\n' ';')"
}

run() # ARGUMENTS...: isolat; its exit code in $code
{
	"$isolat" "$@" >"$scratch/out" 2>"$scratch/err"
	code=$?
	[ $code = 0 ] || cat "$scratch/err"
}

# What the emulated hardware has to hold for a class, by lines of schemata on the input; bandwidths in percent, or as
# the register is (linear=0).
tell_lines() # CLASS
{
	local resource values one domain value
	while IFS=: read -r resource values; do
		values=${values// /}
		for one in ${values//;/ }; do
			domain=${one%=*} value=${one#*=}
			case ${resource// /} in
			L3) echo "rdt-is $domain $1 $value" ;;
			MB)
				value=$((10#$value))
				# Intel's register holds what is throttled, AMD's the limit.
				[ "$linear" != 1 ] || value=$((100 - value))
				echo "rdt-mb $domain $1 $value"
				;;
			esac
		done
	done
}

# As resctrl says.
tell_group() # CLASS GROUP
{
	tell_lines "$1" <"$resctrl/$2/schemata"
}

# As the plan says.
tell_planned() # CLASS GROUP PLAN: GROUP "" is the default group
{
	jq -r --arg name "$2" 'if $name == "" then .default_group else .groups[] | select(.name == $name) end | .schemata[]' "$3" |
		tell_lines "$1"
}

start_vms() # THREADS...: crowds that stand for VMs, in $vms and $pids
{
	local threads vm tasks=()
	vms=()
	for threads in "$@"; do
		([ ! -f $resctrl/tasks ] || echo $BASHPID >$resctrl/tasks; exec "$build/tests/sim/crowd" "$threads" >/dev/null) &
		vms+=($!)
	done
	sleep 1
	for vm in "${vms[@]}"; do
		tasks+=("/proc/$vm/task/"*)
	done
	pids=$(IFS='|'; echo "${tasks[*]##*/}")
}
