# SPDX-License-Identifier: BSD-3-Clause
# For scripts that test exitless-timerd, with timer_peer for the VMs: how both are started and asked. To be sourced with
# the path of isolat as $1.

isolat=$(realpath -- "${1:?usage: ${0##*/} ISOLAT}") || exit 2
bin=${isolat%/*}
daemon=$bin/exitless-timerd
scratch=$(mktemp -d) || exit 2
run=$scratch/run
pid=
trap 'stop_daemon KILL; rm -rf -- "$scratch"' EXIT
chmod 711 "$scratch"
cp "$bin/tests/unit/timer_peer" "$scratch/peer" # where others can run it
export LC_ALL=C
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2
log=$scratch/log
: >"$log"
# For a peer's words: what jq finds in the daemon's figures by FILTER, as soon as that is WANT, or after 10 s.
# Usage: figures FILTER WANT
cat >"$scratch/figures" <<-END
	for i in \$(seq 100); do
		got=\$('$isolat' timer status --json --run-dir '$run' | jq -c "\$1")
		[ "\$got" = "\$2" ] && break
		sleep 0.1
	done
	echo "\$got"
END

# Whether COMMAND comes true within 10 s.
soon() # COMMAND...
{
	local i
	for ((i = 0; i < 1000; i++)); do
		"$@" && return
		sleep 0.01
	done
	return 1
}

# One that has patience with its scanners, unless an OPTION says otherwise: when they run depends on who else does.
start_daemon() # OPTION...
{
	timeout 300 "$daemon" --run-dir "$run" --dead-ms 10000 "$@" 2>>"$scratch/log" &
	timeout_pid=$!
	if ! soon serves; then
		kill "$timeout_pid"
		return 1
	fi
	pid=$(status .pid)
}

serves()
{
	[ "$(status '.scanners | all(.running)')" = true ]
}

stop_daemon() # SIGNAL
{
	[ -n "$pid" ] || return
	kill "-$1" "$pid" 2>/dev/null
	wait "$timeout_pid" 2>/dev/null
	ended=$?
	pid=
}

# What jq finds in the daemon's figures.
status() # FILTER
{
	timeout 20 "$isolat" timer status --json --run-dir "$run" 2>/dev/null | jq -c "$1" 2>/dev/null
}

scanner()
{
	status '.scanners[0].pid'
}

# What timer_peer prints as VM $1, on one line.
peer() # VM WORD...
{
	local vm=$1
	shift
	timeout 30 "$scratch/peer" "$run/$vm.sock" "$@" 2>&1 | tr '\n' ';'
}

ask() # LINE...
{
	timeout 20 "$scratch/peer" ask "$run/control" "$@"
}

same() # NAME WANT GOT
{
	local why=
	[ "$2" = "$3" ] || why="'$3', not '$2'"
	verdict "$1" "$why"
}

refused() # NAME TEXT ARGUMENTS...: the daemon ends at once, in a line with TEXT
{
	local name=$1 text=$2 why=
	shift 2
	timeout 20 "$daemon" --run-dir "$scratch/other" "$@" >"$scratch/out" 2>"$scratch/err"
	[ $? = 2 ] || why+="exit code not 2; "
	[ "$(wc -l <"$scratch/err")" = 1 ] && grep -qF -- "exitless-timerd: " "$scratch/err" &&
		grep -qF -- "$text" "$scratch/err" || why+="stderr: $(cat "$scratch/err"); "
	[ -s "$scratch/out" ] && why+="something on stdout"
	verdict "refused: $name" "$why"
}
