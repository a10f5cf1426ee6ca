#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# isolat run against the simulated resctrl: how it fails before it begins, what it hands on to its command and says of it,
# who stands beside it, and what is left when it or its guard is killed. Usage: test_run.sh BUILD
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

build=$(realpath -- "${1:?usage: test_run.sh BUILD}") || exit 2
isolat=$build/isolat
sim=$build/tests/sim
resctrl=/sys/fs/resctrl
lock=/run/isolat/lock
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

if [ -z "${2:-}" ]; then # outside
	timeout 600 "$sim/sim-run" --machine intel-1s --mounts -- "$BASH" "$0" "$build" intel-1s || failed=1
	exit $failed
fi
of=$2
scratch=$(mktemp -d) || exit 2
mine=()
trap 'kill -9 "${mine[@]}" 2>/dev/null; rm -rf -- "$scratch"' EXIT

# ---- What is looked at ----

# All of resctrl but the counters and the tasks. It may change meanwhile.
listing()
{
	{
		find $resctrl -path $resctrl/info -prune -o -path '*/mon_data' -prune -o -type d -print
		find $resctrl -path $resctrl/info -prune -o -path '*/mon_data' -prune -o -type f ! -name tasks -exec grep -H '' {} +
	} 2>/dev/null | sort
}

# Nothing is left on the host or in a journal.
as_before()
{
	listing | diff "$scratch/before" - | head -n 5
	find /run/isolat -mindepth 1 ! -name lock
}

until_true() # COMMAND...: waits for it, 10 s at most
{
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" && return
		sleep 0.05
	done
	echo "never: $*; "
}

all_is_back()
{
	[ -z "$(as_before)" ]
}

eventually_as_before()
{
	until_true all_is_back
	as_before
}

says() # CODE PATTERN: what run said, in one line
{
	[ "$code" = "$1" ] || echo "exit code $code, not $1: $(cat "$scratch/err")"
	grep -q -- "$2" "$scratch/err" || echo "no '$2' in: $(cat "$scratch/err")"
	[ "$(wc -l <"$scratch/err")" = 1 ] || echo "$(wc -l <"$scratch/err") lines: $(cat "$scratch/err")"
}

run() # ARGUMENTS...: isolat run; its exit code in $code, what it says in $scratch/out and err
{
	timeout 60 "$isolat" run --profile "$scratch/profile" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
}

isolat() # VERB: likewise
{
	timeout 60 "$isolat" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
}

start() # COMMAND...: isolat run in the background: $runner, $guard and $command, which has begun
{
	setsid env --default-signal=INT,QUIT "$isolat" run --profile "$scratch/profile" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
	runner=$!
	mine+=("$runner")
	until_true has_begun
	mine+=("$command" "$guard")
}

has_begun() # it is called otherwise than isolat by then
{
	local pid
	command=
	for pid in $(pgrep -P "$runner"); do
		[ "$(readlink "/proc/$pid/exe")" = "$isolat" ] && guard=$pid || command=$pid
	done
	[ -n "$command" ]
}

has_child() # PID
{
	child=$(pgrep -P "$1")
}

cpus_of() # PID
{
	sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status"
}

printf '%s\n' 'version: 1' 'classes:' \
	'  - { name: latency, cores: dedicated, whole_cores: no, cache: { l3: 2 ways, exclusive: yes } }' \
	'  - { name: batch, cores: shared, cache: { l3: 25 % }, bandwidth: 45 % }' >"$scratch/profile"
listing >"$scratch/before"
run --class batch -- true
verdict 'a command, and all is back' "$([ "$code" = 0 ] || cat "$scratch/err")$(as_before)"

# ---- It fails before it begins ----

no_guard() # nobody is left of a run that was told this option
{
	pgrep -f -- "^$isolat run --profile $scratch/profile $1" | sed 's/^/it has left process /'
}

fails_before()
{
	local holder
	run --engine nix --class batch -- true
	verdict 'what is wrong is said once, by its exit code, and nobody stays' "$(says 2 "'*nix'*")$(no_guard '--engine nix')$(as_before)"
	flock -x $lock sleep 60 &
	holder=$!
	mine+=("$holder")
	until_true has_child $holder
	run --wait 0 --class batch -- true
	verdict 'so where another isolat is at work' "$(says 1 lock)$(no_guard '--wait 0')"
	kill "$child"
	wait $holder 2>/dev/null
}
fails_before

reads_null()
{
	[ "$(readlink "/proc/$guard/fd/0" "/proc/$guard/fd/1" "/proc/$guard/fd/2" | grep -cx /dev/null)" = 3 ]
}

# Its command holds isolat's lock for longer than it lives itself.
guard_stays()
{
	local why=''
	start --wait 0 --class latency -- "$BASH" -c "until [ -e '$scratch/end' ]; do sleep 0.05; done
		flock -x $lock sh -c 'echo >\"\$1\"; until [ -e \"\$2\" ]; do sleep 0.05; done' - '$scratch/held' '$scratch/go' >/dev/null 2>&1 &
		until [ -e '$scratch/held' ]; do sleep 0.05; done; exit 6"
	touch "$scratch/end"
	code=0
	wait "$runner" || code=$?
	why+=$(says 6 'goes on trying')
	why+=$(until_true reads_null)
	touch "$scratch/go"
	verdict 'its guard goes on where it could not take back itself, says so, and holds nobody' "$why$(eventually_as_before)"
}
guard_stays

# ---- What is recorded ----

journal() # NAME ABOUT: a record of nothing
{
	printf '{"about":%s,"boot":"%s","isolat-journal":1}\n{"entries":0}\n' "$2" "$(cat /proc/sys/kernel/random/boot_id)" >"$scratch/journal"
	chmod 0600 "$scratch/journal"
	mv "$scratch/journal" "/run/isolat/$1.journal"
}

vm='"name":"a","group":"","cpus":"0","match":{"pid":1}'
full() # VMS
{
	echo "{\"engine\":\"resctrl\",\"isolat\":\"1\",\"plan\":{},\"profile\":\"p\",\"vms\":[$1]}"
}

not_understood()
{
	local about why=''
	for about in "$(full "{$vm}")" "$(full "{$vm,\"class\":5}")" '{}' 5 '{"vms":[]}'; do
		journal apply "$about"
		run --class batch -- true
		why+=$(says 1 'as isolat writes it')
		isolat status
		why+=$(says 1 'as isolat writes it')$(cat "$scratch/out")
		isolat verify
		why+=$(says 1 'as isolat writes it')
		isolat undo
		[ "$code" = 0 ] || why+="undo: $(cat "$scratch/err"); "
		why+=$(as_before)
	done
	verdict 'a record of VMs that is not understood is refused, and undone' "$why"
	journal apply "$(full "{$vm,\"class\":\"latency\"}")"
	run --class batch -- true
	verdict 'and one that is, is not' "$([ "$code" = 0 ] || cat "$scratch/err")"
	isolat undo
}
not_understood

# Of a class that has cores for each of its VMs, and shares the cache.
not_joined()
{
	local why=''
	sed 's/name: batch, cores: shared/name: batch, cores: dedicated, whole_cores: no/' "$scratch/profile" >"$scratch/profile.cores"
	journal apply "$(full "{$vm,\"class\":\"batch\"}")"
	start --profile "$scratch/profile.cores" --class batch -- sleep 60
	[ -d "$resctrl/isolat-run@$command" ] || why='it has no group; '
	[ "$(cpus_of "$command")" = 1 ] || why+="it has CPUs $(cpus_of "$command"), a VM's; "
	kill "$command"
	wait "$runner" 2>/dev/null
	isolat undo
	verdict 'a class with dedicated cores is not joined' "$why$(as_before)"
}
not_joined

# A PID that another process has by now: the run is not at work.
another_start()
{
	journal "run-$$-1" '{"pid":1}'
	run --class batch -- true
	verdict 'a run whose PID another process has by now is taken back' "$([ "$code" = 0 ] || cat "$scratch/err")$(as_before)"
}
another_start

waits() # the run has the lock open, and does not hold it
{
	local fd
	for fd in "/proc/$runner/fd"/*; do
		[ "$(readlink "$fd")" = $lock ] && ! grep -q ^lock: "/proc/$runner/fdinfo/${fd##*/}" && return
	done 2>/dev/null
	return 1
}

waits_still()
{
	waits && sleep 0.2 && waits
}

# It has read what is applied, and waits for those who read, too: then something else is applied.
applied_between()
{
	local why
	exec 8<$lock
	flock -s 8
	timeout 60 "$isolat" run --profile "$scratch/profile" --wait 30 --class batch -- true >"$scratch/out" 2>"$scratch/err" </dev/null 8<&- &
	mine+=($!)
	until_true has_child $!
	runner=$child
	why=$(until_true waits_still)
	journal apply "$(full "{$vm,\"class\":\"latency\"}")"
	exec 8<&-
	code=0
	wait $! || code=$?
	verdict 'an apply in between is seen' "$why$(says 1 'has just changed this host')$(no_guard '--wait 30')"
	isolat undo
}
applied_between

# ---- Side by side ----

side_by_side()
{
	local why
	start --class latency -- sleep 60
	run --class latency -- touch "$scratch/ran"
	verdict 'of an exclusive class a second one is refused' "$(says 1 "isolat run, PID $runner, is at work")$([ ! -e "$scratch/ran" ] || echo 'it ran')"
	why=$(cpus_of "$command" | grep -vxE '[0-9]+')
	kill "$command"
	wait "$runner" 2>/dev/null
	verdict 'the first has one CPU, and all is back' "$why$(as_before)"
	start --class batch -- sleep 60
	why=$(diff <(grep "^$resctrl/schemata" "$scratch/before") <(listing | grep "^$resctrl/schemata"))
	[ -d "$resctrl/isolat-run@$command" ] || why+='it has no group; '
	run --class batch -- true
	[ "$code" = 0 ] || why+="a second one: $(cat "$scratch/err"); "
	kill "$command"
	wait "$runner" 2>/dev/null
	verdict 'a shared class leaves the default group as it is' "$why$(as_before)"
}
side_by_side

# Each has cores of its own; what each one's journal says of the others' shows that they were seen.
dedicated()
{
	local i runners=() why='' all
	cat >>"$scratch/profile" <<-EOF
		  - { name: alone, cores: dedicated, whole_cores: no }
	EOF
	for ((i = 0; i < 4; i++)); do
		"$isolat" run --profile "$scratch/profile" --class alone -- sleep 60 2>>"$scratch/err.dedicated" &
		runners+=($!)
		mine+=($!)
	done
	until_true four_runs || why="$(cat "$scratch/err.dedicated")"
	all=$(sed -n 's/.*"cpus":"\([^"]*\)".*/\1/p' /run/isolat/run-*.journal | sort -n | tr '\n' ' ')
	[ "$(tr ' ' '\n' <<<"${all% }" | sort -u | wc -l)" = 4 ] || why+="CPUs $all; "
	case " $all" in *' 0 '*) why+="CPU 0, which is for housekeeping; " ;; esac
	pkill -P "$(IFS=,; echo "${runners[*]}")" -x sleep
	wait "${runners[@]}"
	verdict 'runs that begin at the same time have dedicated cores each' "$why$(as_before)"
}

four_runs()
{
	[ "$(cat /run/isolat/run-*.journal 2>/dev/null | grep -c '"cpus"')" = 4 ]
}
dedicated

# What runs share is taken back after the last, also where the first was killed before it was a run.
shared()
{
	local why=''
	journal runs '{}'
	isolat verify
	grep -q 'half made' "$scratch/out" || why="verify: $(cat "$scratch/out")"
	isolat undo
	why+=$(as_before)
	journal runs '{}'
	run --class batch -- true
	why+=$(as_before)
	start --class batch -- sleep 60
	journal runs '{}'
	run --class batch -- true
	[ -e /run/isolat/runs.journal ] || why+='it was taken back below a run; '
	isolat verify
	! grep -q 'half made' "$scratch/out" || why+="verify: $(cat "$scratch/out")"
	kill "$command"
	wait "$runner" 2>/dev/null
	verdict 'what runs share is there as long as one is at work' "$why$(as_before)"
}
shared

# ---- Killed ----

killed()
{
	local why=''
	start --class latency -- sleep 60
	kill -9 "$guard" "$runner"
	wait "$runner" 2>/dev/null
	[ -n "$(as_before)" ] || why='nothing was left; '
	run --class batch -- true
	[ "$code" = 0 ] || why+=$(cat "$scratch/err")
	verdict 'what is left of one that was killed with its guard, the next one takes back' "$why$(as_before)"
	kill "$command"
	start --class latency -- sleep 60
	why=$([ "$(ps -o sid= -p "$guard" | tr -d ' ')" = "$guard" ] || echo 'it is in a session with others; ')
	kill -TERM "$guard"
	kill -9 "$runner"
	wait "$runner" 2>/dev/null
	why+=$(eventually_as_before)
	[ "$(cpus_of "$command")" = "$(cpus_of $$)" ] || why+="its command has CPUs $(cpus_of "$command"); "
	verdict 'a guard is alone, and does not heed SIGTERM; the command has our CPUs again' "$why"
	kill "$command"
}
killed

# The run was at work when undo looked first, and is not when it has the lock.
killed_meanwhile()
{
	local why waiting
	start --class latency -- sleep 60
	waiting=$runner
	journal apply "$(full "{$vm,\"class\":\"latency\"}")"
	exec 8<$lock
	flock -s 8
	timeout 60 "$isolat" undo --wait 30 >"$scratch/out" 2>"$scratch/err" </dev/null 8<&- &
	mine+=($!)
	until_true has_child $!
	runner=$child
	why=$(until_true waits_still)
	kill -9 "$guard" "$waiting"
	wait "$waiting" 2>/dev/null
	exec 8<&-
	code=0
	wait $! || code=$?
	[ "$code" = 0 ] || why+="exit code $code: $(cat "$scratch/err"); "
	grep -q 'taken back what 1 killed isolat run' "$scratch/out" || why+=$(cat "$scratch/out")
	kill "$command"
	verdict 'what is left of one that was killed while undo waited for the lock is taken back' "$why$(as_before)"
}
killed_meanwhile

# ---- What lives on ----

lives_on()
{
	local free own cpu
	run --class latency -- "$BASH" -c 'sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status
		setsid sleep 60 >/dev/null 2>&1 & echo $!
		setsid taskset -c 0 sleep 60 >/dev/null 2>&1 & echo $!
		until [ "$(cat "/proc/$!/comm")" = sleep ]; do sleep 0.02; done
		cat "$0/isolat-run@"*/tasks >/dev/null' $resctrl # the simulator sees whose children they are as long as we are there
	{ read -r cpu && read -r free && read -r own; } <"$scratch/out"
	mine+=("$free" "$own")
	verdict 'the command is pinned to its CPU' "$([ "$cpu" = 1 ] || cat "$scratch/out" "$scratch/err")"
	verdict 'what it leaves running has our CPUs again' "$([ "$(cpus_of "$free")" = "$(cpus_of $$)" ] || echo "it has $(cpus_of "$free"), we $(cpus_of $$)")"
	verdict 'unless it has chosen others itself' "$([ "$(cpus_of "$own")" = 0 ] || echo "it has $(cpus_of "$own")")$(as_before)"
	kill "$free" "$own"
}
lives_on

# ---- What a command is told, and tells ----

codes()
{
	local why='' signal
	for signal in TERM KILL; do
		run --class batch -- sh -c "kill -$signal \$\$"
		[ "$code" = $((128 + $(kill -l $signal))) ] || why+="$signal: exit code $code; "
	done
	verdict 'ended by a signal: 128 and its number' "$why"
	echo >"$scratch/file"
	run --class batch -- "$scratch/file"
	verdict 'it cannot be executed: 126' "$(says 126 'ermission denied')"
	run --class batch -- $'none\nsuch\e[31m'
	verdict 'it is not there: 127, and its name is printable' "$(says 127 'none?such?\[31m: No such file')"
}
codes

signals()
{
	local why='' signal how bit=$((1 << 12))
	for how in default ignore; do
		env --$how-signal=PIPE "$isolat" run --profile "$scratch/profile" --class batch -- sed -n 's/^SigIgn:\t/0x/p' /proc/self/status >"$scratch/out"
		[ $((($(cat "$scratch/out") & bit) > 0)) = "$([ $how = ignore ] && echo 1 || echo 0)" ] || why+="$how: $(cat "$scratch/out"); "
	done
	verdict 'a command ignores SIGPIPE if we do' "$why"
	why=
	for signal in USR1 USR2 ALRM; do
		rm -f "$scratch/told" "$scratch/ready"
		start --class latency -- "$BASH" -c "trap 'echo $signal >\"$scratch/told\"; exit 9' $signal; echo >'$scratch/ready'
			for ((i = 0; i < 400; i++)); do sleep 0.05; done"
		why+=$(until_true test -e "$scratch/ready")
		kill -$signal "$runner"
		code=0
		wait "$runner" 2>/dev/null || code=$?
		[ "$code $(cat "$scratch/told")" = "9 $signal" ] || why+="$signal: exit code $code; "
		kill "$command" 2>/dev/null
		why+=$(eventually_as_before)
	done
	verdict 'what would end it is handed on: SIGUSR1, SIGUSR2, SIGALRM' "$why"
}
signals
exit $failed
