# SPDX-License-Identifier: BSD-3-Clause
# For test_apply.sh, which knows the functions and variables that are used here: how apply and undo can end otherwise
# than well (killed, asked to end, two at once, resctrl gone, a write of undo's failing), and what is seen and done then.
# shellcheck shell=bash disable=SC2154

killed_and_seen()
{
	local why
	"$sim/sim-ctl" kill '3 after'
	apply
	verdict 'a first apply that was killed is seen' "$(half_made false)"
	run status --json
	verdict 'and nothing is associated yet' "$(left '.profile == null and .engine == null and .associates == null')"
	run undo
	run verify
	verdict 'and no more after undo' "$(says 1 'nothing is applied')$(as_before)"
	apply
	"$sim/sim-ctl" kill '1 after'
	run apply --profile "$scratch/profile.other" --no-cpusets
	verdict 'a second apply that was killed is seen' "$(half_made true)"
	apply
	why=$(says 0 'taken back first')
	run verify --json
	verdict 'and no more after the next apply' "$why$(says 0 '"half_made": false')"
	"$sim/sim-ctl" kill '2 after'
	run undo
	verdict 'an undo that was killed is seen' "$(half_made true)"
	run undo
	verdict 'and no more after the next undo' "$(as_before)"
}

interrupted()
{
	local i signal why='' signals=(INT TERM HUP)
	for i in 1 $((writes / 4)) $((writes / 2)) "$writes"; do
		signal=${signals[i % 3]}
		"$sim/sim-ctl" kill "$i after $signal"
		apply
		why+=$(says 1 "interrupted by SIG$signal")$(as_before)
		[ "$(wc -l <"$scratch/err")" = 1 ] || why+=$(cat "$scratch/err")
	done
	verdict 'apply, asked to end, takes back what it did' "$why"
	"$sim/sim-ctl" kill '3 after HUP'
	code=0 # not by timeout(1), which has a handler
	nohup "$isolat" apply --profile "$scratch/profile" --no-cpusets >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
	verdict 'but not by what is ignored' "$(says 0 '^applied .* writes')"
	"$sim/sim-ctl" kill '3 after TERM'
	run undo
	why=$([ "$code" = 143 ] || echo "exit code $code")
	run undo
	verdict 'undo, asked to end, goes on with the next' "$why$(says 0 '^undone')$(as_before)"
}

two_at_once()
{
	local holder first delay why=''
	flock -x /run/isolat/lock sh -c 'echo >"$1"; sleep 1' - "$scratch/held" &
	holder=$!
	until [ -e "$scratch/held" ]; do sleep 0.02; done
	apply &
	first=$!
	sleep 0.4
	flock -n -x $resctrl true || why+="it holds resctrl's lock while it waits for isolat's; "
	[ ! -e /run/isolat/engine ] || why+='it has chosen the engine before it has the lock; '
	wait $first $holder
	run verify
	verdict "isolat's lock comes first" "$why$(says 0 'as applied')"
	run undo
	why=
	for delay in 0.01 0.2; do
		"$isolat" apply --profile "$scratch/profile" --no-cpusets --engine pqos >>"$scratch/runs" 2>&1 &
		first=$!
		sleep $delay
		apply
		[ "$code" = 0 ] || why+="apply: $(cat "$scratch/err"); "
		wait $first || [ $? = 2 ] || why+="apply --engine pqos: $(tail -n 1 "$scratch/runs"); "
		run verify
		why+=$(says 0 'as applied')
		run undo
		why+=$(says 0 '^undone')$(as_before)
	done
	verdict 'two engines at the same time' "$why"
}

unmounted() # ENGINE
{
	local why
	apply --engine "$1"
	umount $resctrl
	run undo
	why=$(says 0 '^undone')
	run undo
	why+=$(says 0 'nothing to undo')
	mount -t resctrl resctrl $resctrl
	verdict "undo after resctrl was unmounted ($1)" "$why$(as_before)"
}

mounted_otherwise()
{
	local why options

	for options in cdp mba_MBps; do
		apply
		umount $resctrl
		mount -t resctrl -o $options resctrl $resctrl
		listing >"$scratch/otherwise"
		apply
		why+=$(says 1 'mounted with other options .*(isolat undo')$(listing | diff "$scratch/otherwise" -)
		run undo
		why+=$(says 4 'default group\|schemata')$(listing | diff "$scratch/otherwise" -)
		if [ $options = cdp ]; then # a limit in MB/s takes a class for each VM
			apply
			why+=$(says 0 '^applied')
			run undo
			why+=$(says 0 '^undone')$(listing | diff "$scratch/otherwise" -)
		fi
		umount $resctrl
		mount -t resctrl resctrl $resctrl
	done
	verdict 'resctrl was mounted with other options since' "$why$(as_before)"
}

unmounted_half_made()
{
	local why
	"$sim/sim-ctl" kill "$((writes / 2)) after"
	apply
	umount $resctrl
	apply
	why=$(says 3 'mount -t resctrl')
	run undo
	why+=$(says 0 'was taken back')
	mount -t resctrl resctrl $resctrl
	verdict 'and of what was half made' "$why$(as_before)"
}

doubtful()
{
	local why
	apply
	chmod 0666 /run/isolat/engine
	run verify
	why=$(says 1 'others can write it')
	chmod 0644 /run/isolat/engine
	chown 65534 /run/isolat/engine
	run undo
	why+=$(says 1 'belongs to another user')
	chown 0 /run/isolat/engine
	run undo
	verdict "an engine's name that others can have written" "$why$(says 0 '^undone')$(as_before)"
}

undo_fails() # every write of undo, once
{
	local i why='' errnos=(EINVAL ENOMEM EBUSY EIO)
	for ((i = 1; i <= back && ${#why} == 0; i++)); do
		apply
		"$sim/sim-ctl" fault "$i ${errnos[i % 4]}"
		run undo
		why+=$(says 1 'stay on record')
		run undo
		why+=$(says 0 '^undone')$(as_before)
		[ -z "$why" ] || why="write $i, ${errnos[i % 4]}: $why"
	done
	verdict "each of undo's $back writes failed, and the next undo mends it" "$why"
}

apply_fails() # ERRNO CODES OPERATION: each of apply's operations that look so, once
{
	local i why='' first
	first=$(ops)
	apply
	"$sim/sim-ctl" log >"$scratch/log"
	run undo
	for i in $(awk -v first="$first" -v what="$3" '$1 > first && $2 " " $3 ~ what { print $1 - first }' "$scratch/log"); do
		"$sim/sim-ctl" fault "$i $1"
		apply
		case " $2 " in *" $code "*) ;; *) why+="$1 at $i: exit code $code; " ;; esac
		[ "$code" != 0 ] || run undo
		why+=$(as_before)
	done
	verdict "apply, each $3: $1" "$([ -n "${i:-}" ] || echo none)$why"
}

# CPUs that are offline by the time of undo, and the agent's among them: one, and a whole L3.
offline_at_undo()
{
	local cpu why=''
	for cpu in agent 16-31; do
		run apply --profile "$scratch/profile.agent" --no-cpusets
		[ $cpu != agent ] || cpu=$(cat $resctrl/isolat-timer-agent/cpus_list)
		"$sim/sim-ctl" offline "$cpu"
		run verify
		why+=$(says 4 .)
		run undo
		why+=$(says 0 '^undone')
		"$sim/sim-ctl" online "$cpu"
		why+=$(as_before)
		[ -z "$why" ] || why="CPUs $cpu: $why"
	done
	verdict 'undo, while CPUs are offline' "$why"
}

# libpqos works in a process of its own: that it dies at a write, or that a write of it fails, is a step that failed.
by_libpqos()
{
	local i n what why='' tried=0 # every fourth write, but for the eighth: that one has to fail, it is how libpqos looks for MBps
	n=$(ops)
	apply --engine pqos
	n=$(($(ops) - n))
	run undo
	for ((i = 2; i <= n && ${#why} == 0; i += 4)); do
		for what in "kill $i before" "kill $i after" "fault $i EINVAL"; do
			"$sim/sim-ctl" "${what%% *}" "${what#* }"
			apply --engine pqos
			why+=$(says 1 .)$(as_before)
			[ "$(wc -l <"$scratch/err")" = 1 ] || why+=$(cat "$scratch/err")
			[ -z "$why" ] || why="$what: $why" && tried=$((tried + 1))
		done
	done
	[ $tried -ge 24 ] || why+=" $tried of $n writes tried"
	verdict "libpqos killed at, and failing at, each 4th of its $n writes ($tried)" "$why"
}

# A default group that somebody has changed, as each verb tells of it.
told_alike()
{
	local why

	apply
	default_l3 1
	run status --json
	cp "$scratch/out" "$scratch/status"
	run verify --json
	why=$(left '.drift | length == 1 and (.[0] | .kind == "schemata" and .object == "the default group")')
	jq -e --slurpfile status "$scratch/status" '$status[0].groups[] | select(.name == "")' "$scratch/status" >"$scratch/group"
	jq -e --slurpfile group "$scratch/group" '.drift[0] | .expected == $group[0].set and .found == $group[0].programmed' \
		"$scratch/out" >/dev/null || why+=$(jq -c '.drift[0]' "$scratch/out")
	verdict 'verify and status write schemata alike' "$why"
	code=0
	setpriv --reuid 65534 --clear-groups "$isolat" verify >"$scratch/out" 2>"$scratch/err" || code=$?
	verdict 'and who may not is told what to do' "$(says 1 'ermission denied (run as root)')"
	run undo
	verdict 'undo names the default group' "$(says 4 'left as it is: schemata of the default group: changed since: L3:0=1 ')"
	default_again
	verdict 'and the rest is back' "$(as_before)"
}

killed_and_seen
told_alike
interrupted
two_at_once
unmounted resctrl
unmounted pqos
unmounted_half_made
mounted_otherwise
doubtful
undo_fails
by_libpqos
offline_at_undo
apply_fails ESRCH '0 1' '^write .*/tasks$' # it lives all the same: at worst it has no figures of its own
apply_fails ENOSPC 5 '^mkdir /[^/]*$'
