#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The commands from outside: usage errors, exit codes, JSON, lost output, and that help, man pages and bash completion
# name the same options. Usage: test_cli.sh ISOLAT, with the other commands beside it.
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

isolat=$(realpath -- "${1:?usage: test_cli.sh ISOLAT}") || exit 2
bin=$(dirname -- "$isolat")
top=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

# Runs isolat with standard streams in files; its exit code in $code.
run()
{
	"$isolat" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
}

lines()
{
	wc -l <"$scratch/$1"
}

usage_error() # NAME TEXT ARGUMENTS...
{
	local name=$1 text=$2 why=
	shift 2
	run "$@"
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ -s "$scratch/out" ] && why+="something on stdout; "
	[ "$(lines err)" = 1 ] || why+="$(lines err) lines on stderr, not 1; "
	grep -q '^isolat: .*: .*' "$scratch/err" || why+="no \"isolat: WHAT OBJECT: REASON\"; "
	grep -qF -- "$text" "$scratch/err" || why+="no \"$text\" in: $(cat "$scratch/err")"
	verdict "usage error: $name" "$why"
}

json_error() # NAME OBJECT ARGUMENTS...
{
	local name=$1 object=$2 why=
	shift 2
	run "$@"
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ -s "$scratch/err" ] && why+="something on stderr; "
	jq -e --arg object "$object" 'keys == ["error"] and .error.code == 2 and .error.object == $object and
		(.error | keys) == ["code", "hint", "object", "reason", "what"]' "$scratch/out" >/dev/null 2>&1 ||
		why+="not the error object: $(tr '\n' ' ' <"$scratch/out")"
	verdict "JSON error: $name" "$why"
}

shows() # NAME PATTERN ARGUMENTS...
{
	local name=$1 pattern=$2 why=
	shift 2
	run "$@"
	[ "$code" = 0 ] || why+="exit code $code, not 0; "
	[ -s "$scratch/err" ] && why+="something on stderr; "
	grep -q -- "$pattern" "$scratch/out" || why+="no \"$pattern\" on stdout"
	[ "$(awk '{ if (length > most) most = length } END { print most }' "$scratch/out")" -le 80 ] ||
		why+="; wider than 80 columns"
	verdict "$name" "$why"
}

lost_output() # KIND TEXT ARGUMENTS...: KIND of stdout is full, closed, or a pipe that nobody reads
{
	local kind=$1 text=$2 why=
	shift 2
	case $kind in
	full) "$isolat" "$@" >/dev/full 2>"$scratch/err" ;;
	closed) "$isolat" "$@" >&- 2>"$scratch/err" ;;
	pipe) "$isolat" "$@" 1>&"$unread" 2>"$scratch/err" ;;
	esac
	code=$?
	[ "$code" = 1 ] || why+="exit code $code, not 1; "
	grep -q "^${isolat##*/}: write standard output: $text" "$scratch/err" || why+="stderr: $(cat "$scratch/err")"
	verdict "lost output: $kind, ${isolat##*/} $*" "$why"
}

test_usage()
{
	usage_error "no verb" "none given"
	usage_error "unknown verb" "find verb frob: isolat has no such verb" frob
	usage_error "unknown verb of help" "find verb frob" help frob
	usage_error "unknown option" "read option --frob: unknown option" --frob
	usage_error "unknown short option" "read option -x: unknown option" doctor -x
	usage_error "short option in a cluster" "read option -x: unknown option" doctor -jx
	usage_error "unknown option of a verb" "isolat doctor --help" doctor --frob
	usage_error "option with a value" "read option --frob: unknown option" doctor --frob=3
	usage_error "missing argument" "read option --root: it needs an argument" doctor --root
	usage_error "missing argument, short" "read option -r: it needs an argument" doctor -r
	usage_error "argument too much" "read option --help: it takes no argument" doctor --help=3
	usage_error "word too much" "read argument word: isolat doctor takes no such argument" doctor word
	usage_error "no sub-verb" "isolat bench --help" bench
	usage_error "unknown sub-verb" "find verb frob: isolat bench has no such verb" bench frob
	usage_error "option of a verb after --" "read option --frob: unknown option" -- doctor --frob
	usage_error "count of what is looked at once" "read option --count: it is for --watch" status --count 3
	usage_error "interval of what is looked at once" "read option --interval: it is for --watch" status --interval 3
	usage_error "missing root" "open root $scratch/none: No such file" doctor --root "$scratch/none"
	usage_error "control characters" "find verb a?[1mb?c: " $'a\033[1mb\nc'
}

test_json_errors()
{
	json_error "unknown verb" frob frob --json
	json_error "unknown option" --frob doctor --frob --json
	json_error "unknown option after" --frob doctor --json --frob
	json_error "abbreviated" --frob doctor --js --frob
	json_error "no verb" --json --json
	json_error "missing argument" --root doctor --json --root
	json_error "word too much" word doctor --json word
	json_error "missing root" "$scratch/none" doctor --json --root "$scratch/none"
	json_error "no UTF-8" 'a?b' $'a\xffb' --json
}

test_help()
{
	shows "--help" '^Usage: isolat VERB' --help
	shows "help" '^  doctor ' help
	shows "help --help" '^  doctor ' help --help
	shows "bench help -h" '^  idle ' bench help -h
	shows "doctor --help" '^Usage: isolat doctor' doctor --help
	shows "help doctor" '^Usage: isolat doctor' help doctor
	shows "bench --help" '^  idle ' bench --help
	shows "help bench idle" '^Usage: isolat bench idle' help bench idle
	shows "--version" '^isolat [0-9]*\.[0-9]*\.[0-9]*$' --version
}

test_doctor()
{
	local ids remedy why=
	run doctor --json
	case $code in
	0 | 3) ;;
	*) why+="exit code $code; " ;;
	esac
	jq -e '.version == 1 and (.checks | length) > 10 and (.summary.jobs | length) == 5 and
		(.checks | all(keys == ["advice", "found", "id", "means", "state"])) and
		(.checks | all(.state | IN("ok", "info", "warn", "bad", "n/a")))' "$scratch/out" >/dev/null ||
		why+="not the documented object"
	verdict "doctor --json" "$why"

	why=
	for ids in $(jq -r '.checks[].id, .summary.jobs[].id' "$scratch/out"); do
		grep -q "^\.It Cm $ids\$" "$top/docs/isolat-doctor.1" || why+="$ids is not in isolat-doctor.1; "
	done
	verdict "doctor's ids are in its man page" "$why"

	why=
	mkdir -p "$scratch/guest/proc" "$scratch/guest/sys/devices/system/cpu/cpuidle"
	echo "flags : hypervisor" >"$scratch/guest/proc/cpuinfo"
	echo haltpoll >"$scratch/guest/sys/devices/system/cpu/cpuidle/current_driver"
	run doctor --json --root "$scratch/guest"
	remedy=$(jq -r '.checks[] | select(.id == "cpuidle") | .advice' "$scratch/out" | grep -o '[a-z_]*=[a-z_]*')
	[ -n "$remedy" ] && grep -qF ".Li $remedy" "$top/docs/isolat-doctor.1" || why="not there: \"$remedy\""
	verdict "the remedy for haltpoll is in the man page" "$why"

	why=
	mkdir "$scratch/empty"
	run doctor --root "$scratch/empty"
	[ "$code" = 3 ] || why+="exit code $code, not 3; "
	grep -q '^n/a  *kernel .*there is no /proc' "$scratch/out" || why+="no finding; "
	grep -q $'\033' "$scratch/out" && why+="colour in a file"
	verdict "doctor of an empty root" "$why"
}

test_lost_output()
{
	local verb reader unread
	# A pipe whose only reader is gone when isolat writes, for sure.
	mkfifo "$scratch/pipe"
	# shellcheck disable=SC2094 # meant
	exec {reader}<>"$scratch/pipe" {unread}>"$scratch/pipe" {reader}>&-
	for verb in --help --version "doctor --json" doctor "frob --json"; do
		# shellcheck disable=SC2086 # two words
		lost_output full "No space left" $verb
		# shellcheck disable=SC2086
		lost_output closed "Bad file" $verb
		# shellcheck disable=SC2086
		lost_output pipe "Broken pipe" $verb
	done
	exec {unread}>&-
	# A file that is opened later must not become standard output: the number is taken.
	"$isolat" doctor --root /proc/self/fd/1 >&- 2>"$scratch/err"
	verdict "closed standard output is held" "$(grep -v 'fd/1: Not a directory' "$scratch/err")"
}

# Long options of a help on stdin.
help_options()
{
	sed -nE 's/^ +(-[a-zA-Z], )?--([a-z][a-z0-9-]*).*/--\2/p' | sort -u
}

# Long options that a man page has as entries of a list.
man_options()
{
	sed -nE '/^\.It Fl/s/.*Fl -([a-z][a-z0-9-]*).*/--\1/p' "$1" | sort -u
}

# What bash offers after the words "$@"; the last is what has been typed of the current one.
completions()
{
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); name=${1##*/}
		"_${name//-/_}" "$1"; printf "%s\n" "${COMPREPLY[@]}"' bash "$top/tools/completion/isolat.bash" "$@" 2>/dev/null | sort -u
}

# The page that documents a command: its own, or that of the verb which it belongs to.
man_page()
{
	local page name
	name=$(printf -- '-%s' isolat "$@")
	page=$top/docs/${name#-}.1
	if [ ! -e "$page" ] && [ $# -gt 1 ]; then
		page=$top/docs/isolat-$1.1
	fi
	echo "$page"
}

# The verbs of a help on stdin.
help_verbs()
{
	sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' | sort -u
}

# The options of the command with verbs "${@:2}", and of the verbs below it that page $1 documents too.
documented_options()
{
	local page=$1 verb
	shift
	"$isolat" "$@" --help | help_options
	for verb in $("$isolat" "$@" --help | help_verbs); do
		[ "$verb" != help ] && [ "$(man_page "$@" "$verb")" = "$page" ] && documented_options "$page" "$@" "$verb"
	done
}

same() # NAME WANT GOT
{
	local why
	why=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | sed -n 's/^< /missing: /p; s/^> /not in the help: /p' |
		tr '\n' ';')
	verdict "$1" "$why"
}

# Compares help, man page and completion of the command with verbs "$@", then of the verbs below it.
test_agreement()
{
	local page verbs verb
	page=$(man_page "$@")
	run "$@" --help
	verbs=$(help_verbs <"$scratch/out")
	same "completion has the options of: isolat $*" "$(help_options <"$scratch/out")" \
		"$(completions "$isolat" "$@" --)"
	same "completion has the verbs of: isolat $*" "$verbs" "$(completions "$isolat" "$@" "")"
	if [ ! -e "$page" ]; then
		verdict "man page of: isolat $*" "there is no ${page##*/}"
	elif [ $# -lt 2 ] || [ "$page" != "$(man_page "${@:1:$#-1}")" ]; then
		same "${page##*/} has the options of: isolat $*" "$(documented_options "$page" "$@" | sort -u)" \
			"$(man_options "$page")"
	fi
	for verb in $verbs; do
		[ "$verb" = help ] && continue
		[ ! -e "$page" ] || grep -qE "^\.(It|Ss|Cm) .*\<$verb\>" "$page" ||
			verdict "verb: isolat $* $verb" "it is not in ${page##*/}"
		test_agreement "$@" "$verb"
	done
}

# Compares help and man page of a command without verbs, and the completion where it has one.
test_command_agreement() # COMMAND
{
	local page options
	page=$(echo "$top/docs/$1".[1-8])
	options=$("$bin/$1" --help | help_options)
	same "${page##*/} has the options of: $1" "$options" "$(man_options "$page")"
	[ "$1" = isolat-microvm ] || return
	same "completion has the options of: $1" "$options" "$(completions "$bin/$1" --)"
}

# What main() of isolat does for its verbs, the other commands do themselves.
test_other_commands()
{
	local isolat command why
	for command in isolat-microvm rdt-state idle-replay idle-gen exitless-bench exitless-timerd; do
		isolat=$bin/$command
		run --frob word --json
		why=
		[ "$code" = 2 ] || why="exit code $code, not 2; "
		grep -q -- '--frob' "$scratch/err" || [[ $command =~ ^(rdt-state|idle-replay|exitless-bench)$ ]] || why+="no line on stderr; "
		grep -q '"object": "--frob"' "$scratch/out" || [[ $command =~ ^(isolat-microvm|idle-gen|exitless-timerd)$ ]] || why+="no JSON"
		verdict "$command: unknown option" "$why"
		shows "$command --help" "^Usage: $command" --help
		shows "$command --version" "^$command [0-9]*\.[0-9]*\.[0-9]*\$" --version
		lost_output full "No space left" --help
	done
}

test_idle_gen()
{
	local isolat=$bin/idle-gen why=
	run --list
	[ "$code" = 0 ] && [ "$(lines out)" -gt 20 ] || why+="exit code $code, $(lines out) lines; "
	grep -qvE '^[a-z0-9-]+ +(stationary|switching|adversary)  +[^ ]' "$scratch/out" && why+="a line of another form; "
	[ "$(wc -L <"$scratch/out")" -le 80 ] || why+="wider than 80 columns"
	verdict "idle-gen --list" "$why"

	why=
	run pareto
	[ "$code" = 0 ] && [ "$(lines out)" = 6001 ] || why+="exit code $code, $(lines out) lines, not 6001; "
	[ "$(head -n 1 "$scratch/out")" = cpu,start_ns,length_ns,next_timer_ns,wake ] || why+="another header; "
	sed 1d "$scratch/out" | grep -qvE '^0,[0-9]+,[0-9]+,[0-9]*,(ipi|irq|timer)$' && why+="a line of another form; "
	cp "$scratch/out" "$scratch/pareto"
	run pareto --seed 1 --count 10
	head -n 11 "$scratch/pareto" | cmp -s - "$scratch/out" || why+="a shorter one is not its beginning; "
	run pareto --seed 2
	cmp -s "$scratch/pareto" "$scratch/out" && why+="--seed changes nothing"
	verdict "idle-gen pareto" "$why"

	why=
	run beyond --poll-max-ns 0 --count 10
	[ "$(sed 1d "$scratch/out" | cut -d, -f3 | sort -u)" = 1 ] || why+="not 1 ns beyond windows of 0; "
	# The same time whose polling costs as much as a halt, put in two ways; then others.
	run beyond --wake-cost-ns 20000 --poll-price 0.5
	cp "$scratch/out" "$scratch/beyond"
	run beyond --wake-cost-ns 40000 --poll-price 1
	cmp -s "$scratch/beyond" "$scratch/out" || why+="not alike for the same break-even time; "
	run beyond --wake-cost-ns 20000 --poll-price 1000
	cmp -s "$scratch/beyond" "$scratch/out" && why+="--poll-price changes nothing; "
	run beyond --wake-cost-ns 1 --poll-price 0.5
	cmp -s "$scratch/beyond" "$scratch/out" && why+="--wake-cost-ns changes nothing"
	verdict "idle-gen beyond" "$why"

	idle_gen_error "no name" "one name is needed"
	idle_gen_error "two names" "one name is needed" pareto ticks
	idle_gen_error "unknown name" "find trace frob: no generator has this name (idle-gen --list shows them)" frob
	idle_gen_error "name beside --list" "--list takes no name" --list pareto
	idle_gen_error "count of 0" "read option --count 0: not a whole number" pareto --count 0
	idle_gen_error "window too long" "read option --poll-max-ns 10000001" pareto --poll-max-ns 10000001
	for why in '' . .5 1. -1 0.1234567 1000.000001 18446744073710 1e3 0x1; do
		idle_gen_error "price \"$why\"" "read option --poll-price" pareto --poll-price "$why"
	done
	for why in 0 1000 0.000001 0.30 007.5 1000.0; do
		run pareto --count 1 --poll-price "$why"
		verdict "idle-gen --poll-price $why" "$(cat "$scratch/err")"
	done
	lost_output full "No space left" pareto --count 100000
	lost_output closed "Bad file" pareto
}

idle_gen_error() # NAME TEXT ARGUMENTS...
{
	local name=$1 text=$2 why=
	shift 2
	run "$@"
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ -s "$scratch/out" ] && why+="something on stdout; "
	[ "$(lines err)" = 1 ] && grep -qF -- "idle-gen: " "$scratch/err" && grep -qF -- "$text" "$scratch/err" ||
		why+="stderr: $(cat "$scratch/err")"
	verdict "usage error: idle-gen, $name" "$why"
}

# A terminal gets its width and colour, NO_COLOR is heeded.
test_terminal()
{
	local why=
	script -qec "stty cols 100; '$isolat' doctor --root '$scratch/empty'" /dev/null </dev/null >"$scratch/tty" 2>&1
	grep -q $'\033\\[' "$scratch/tty" || why+="no colour; "
	[ "$(sed 's/\x1b\[[0-9]*m//g' "$scratch/tty" | tr -d '\r' | wc -L)" -le 100 ] || why+="wider than the terminal; "
	[ "$(wc -l <"$scratch/tty")" -gt 20 ] || why+="no report"
	verdict "doctor on a terminal" "$why"
	why=
	NO_COLOR=1 script -qec "'$isolat' doctor --root '$scratch/empty'" /dev/null </dev/null >"$scratch/tty" 2>&1
	grep -q $'\033\\[' "$scratch/tty" && why+="colour; "
	[ "$(wc -l <"$scratch/tty")" -gt 20 ] || why+="no report"
	verdict "doctor on a terminal with NO_COLOR" "$why"
}

test_completion()
{
	mkdir -p "$scratch/roots/one"
	same "completion of a directory" "$scratch/roots/one" "$(completions "$isolat" doctor --root "$scratch/roots/o")"
	same "completion of a prefix" "--json" "$(completions "$isolat" doctor --j)"

	same "completion of a choice with dashes" $'pqos\npqos-msr\npqos-os' "$(completions "$isolat" apply --engine p)"
	same "completion of a choice of run" resctrl "$(completions "$isolat" run --engine r)"
	same "completion of a command" mkfifo "$(completions "$isolat" run -c x -- mkfif)"
	same "completion of a command's argument" "$scratch/roots/one" "$(completions "$isolat" run -c x -- ls "$scratch/roots/o")"
	same "completion of an option before the command" --engine "$(completions "$isolat" run -c x --en)"

	local microvm=$bin/isolat-microvm
	mkdir -p "$scratch/kernels/6.99" && touch "$scratch/kernels/6.99/vmlinuz" "$scratch/roots/two"
	same "completion of a choice" "kvm" "$(completions "$microvm" --accel k)"
	same "completion of a kernel" "6.99" "$(ISOLAT_KERNELS=$scratch/kernels completions "$microvm" --kernel 6.9)"
	same "completion of a file" "$scratch/roots/two" "$(completions "$microvm" --host --file "$scratch/roots/t")"
	same "completion of a number" "" "$(completions "$microvm" --vcpus "")"
	same "completion of a program" "mkfifo" "$(completions "$microvm" --vcpus 2 mkfif)"
	same "completion of a program after --" "mkfifo" "$(completions "$microvm" --pc -- mkfif)"
	same "completion of a program's argument" "" "$(completions "$microvm" --pc sh --v)"
}

test_man_pages()
{
	local page why
	for page in "$top"/docs/*.[1-8]; do
		why=$(mandoc -Tlint -W warning "$page" 2>&1 | head -n 1)
		verdict "mandoc ${page##*/}" "$why"
	done
	why=
	for page in 0 1 2 3 4 5; do
		grep -q "^\.It $page\$" "$top/docs/isolat.1" || why+="$page is not there; "
	done
	verdict "isolat.1 has the exit codes" "$why"
}

test_usage
test_json_errors
test_help
test_doctor
test_lost_output
test_agreement
test_command_agreement isolat-microvm
test_command_agreement rdt-state
test_command_agreement idle-replay
test_command_agreement idle-gen
test_command_agreement exitless-bench
test_command_agreement exitless-timerd
test_other_commands
test_idle_gen
test_completion
test_terminal
test_man_pages
exit "$failed"
