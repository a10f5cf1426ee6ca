#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bad input of `isolat bench`: one line (or one JSON object), the right exit code, and nothing started.
# Usage: test_bench_cli.sh ISOLAT
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u

isolat=$(realpath -- "${1:?usage: test_bench_cli.sh ISOLAT}") || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2
bench=idle module=--module

# A QEMU that tells that it was started, no kernels, and no memory of whether KVM boots them.
mkdir "$scratch/bin" "$scratch/kernels"
cat >"$scratch/bin/qemu-system-x86_64" <<END
#!/bin/sh
echo "\$@" >>"$scratch/started"
exit 1
END
chmod +x "$scratch/bin/qemu-system-x86_64"
export PATH=$scratch/bin:$PATH ISOLAT_KERNELS=$scratch/kernels ISOLAT_CACHE=$scratch/cache
unset ISOLAT_BUILD ISOLAT_IN_LAB
echo module >"$scratch/sip.ko"

run() # ARGUMENTS...: of isolat bench idle; its exit code in $code, what stands against it in $why
{
	rm -f "$scratch/started"
	timeout 20 "$isolat" bench $bench "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	code=$?
	why=
	[ "$code" = 2 ] || why+="exit code $code, not 2; "
	[ ! -e "$scratch/started" ] || why+="a VM was started; "
	[ ! -e "$scratch/cache/kvm-boots" ] || why+="an answer about KVM was remembered; "
	[ "$(find /proc/$$/task -name children -exec cat {} + | wc -w)" -le 1 ] || why+="something still runs; "
}

refused() # NAME TEXT ARGUMENTS...
{
	local name=$1 text=$2
	shift 2
	run "$@"
	[ -s "$scratch/out" ] && why+="something on stdout; "
	[ "$(wc -l <"$scratch/err")" = 1 ] || why+="$(wc -l <"$scratch/err") lines on stderr, not 1; "
	grep -qF -- "isolat: $text" "$scratch/err" || why+="no \"isolat: $text\" in: $(cat "$scratch/err")"
	verdict "bench $bench: $name" "$why"
}

refused_json() # NAME WHAT OBJECT ARGUMENTS...
{
	local name=$1 what=$2 object=$3
	shift 3
	run "$@"
	[ -s "$scratch/err" ] && why+="something on stderr; "
	jq -e --arg what "$what" --arg object "$object" 'keys == ["error"] and .error.code == 2 and
		.error.what == $what and .error.object == $object and .error.reason != "" and
		(.error | keys) == ["code", "hint", "object", "reason", "what"]' "$scratch/out" >/dev/null 2>&1 ||
		why+="not that error: $(tr '\n' ' ' <"$scratch/out")"
	verdict "bench $bench, JSON: $name" "$why"
}

range() # OPTION LOW HIGH
{
	local option=$1 low=$2 high=$3 value
	for value in $((low - 1)) $((high + 1)) 99999999999999999999 -1 +10 10x 0x10 1.5 "" " 10"; do
		refused "$option '$value'" "read option $option" "$option" "$value" $module "$scratch/sip.ko"
	done
	# At the ends of the range it is the missing module that is wrong.
	for value in "$low" "$high"; do
		refused "$option $value is in range" "find module $scratch/none.ko" "$option" "$value" \
			$module "$scratch/none.ko"
	done
}

ranges()
{
	local option
	range --reads 10 10000000
	range --traced-reads 10 100000
	range --wakes 10 10000000
	range --host-poll 1 10000
	range --guest-poll 1 10000
	range --slowdown 1 1000
	for option in 0 100001 1,0 1,x 1,-2 "1, 2"; do
		refused "--inject '$option'" "read option --inject" --inject "$option"
	done
	refused "--inject without latency" "read option --inject: no number" --inject ,
	refused "--inject of nine" "read option --inject 9: more than 8 numbers" --inject 1,2,3,4,5,6,7,8,9
	refused "--inject in range" "find module" --inject 1,100000,3,4,5,6,7,8 --module "$scratch/none.ko"
}

words()
{
	refused "unknown option" "read option --frob: unknown option" --frob
	refused "unknown short option" "read option -x: unknown option" -x
	refused "no argument" "read option --reads: it needs an argument" --reads
	refused "argument too much" "read option --lab: it takes no argument" --lab=1
	refused "word" "read argument word: isolat bench idle takes no such argument" word
	refused "bad option behind a good one" "read option --reads 1: " --lab --host-polling off --wakes 10 --reads 1
}

files()
{
	refused "missing module" "find module $scratch/none.ko: No such file" --module "$scratch/none.ko"
	refused "missing module in the lab" "find module $scratch/none.ko: No such file" --lab --module "$scratch/none.ko"
	refused "missing kernel" "find kernel 9.99: neither an image, nor below $scratch/kernels" --kernel 9.99
	refused "missing kernel, with a module" "find kernel 9.99: " --kernel 9.99 --module "$scratch/sip.ko"
	refused "missing kernel in the lab" "find kernel 9.99: " --lab --kernel 9.99
	refused "missing image" "find kernel /none/vmlinuz: " --kernel /none/vmlinuz --module "$scratch/sip.ko"
}

# Without any kernel there is nothing to try KVM with: that must not be remembered as KVM's fault.
no_kernels()
{
	refused "no kernel at all" "find kernel 6.1: " --lab
	refused "no kernel to try KVM with" "find "
}

json()
{
	refused_json "unknown option" "read option" --frob --json --frob
	refused_json "range" "read option --reads" 1 --reads 1 --json
	refused_json "word" "read argument" word word --json
	refused_json "missing module" "find module" "$scratch/none.ko" --json --module "$scratch/none.ko"
	refused_json "missing kernel" "find kernel" 9.99 --json --kernel 9.99
}

timer()
{
	local last
	last=$(($(nproc --all) - 1))
	bench=timer module=--exitless-module
	range --timers 10 1000000
	range --poll-max 1 100000
	range --agent-cpu 0 "$last"
	for option in 0 100001 50,0 50,x "50, 200"; do
		refused "--intervals '$option'" "read option --intervals" --intervals "$option"
	done
	refused "--intervals without one" "read option --intervals: no number" --intervals ,
	refused "--intervals of nine" "read option --intervals 9: more than 8 numbers" --intervals 1,2,3,4,5,6,7,8,9
	refused "word" "read argument word: isolat bench timer takes no such argument" word
	refused "missing poll module" "find module $scratch/none.ko: No such file" --poll-module "$scratch/none.ko"
	refused "missing kernel" "find kernel 9.99: " --kernel 9.99 --exitless-module "$scratch/sip.ko"
	refused_json "missing module" "find module" "$scratch/none.ko" --json --exitless-module "$scratch/none.ko"
	few_cpus
}

# Said before modules are looked for, or a VM is started.
few_cpus()
{
	local first
	first=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
	taskset -cp "$first" $$ >"$scratch/taskset" 2>&1
	ISOLAT_IN_LAB=1 refused "one CPU" "give the agent CPU $first: the guest needs another"
	[ "$last" = "$first" ] || ISOLAT_IN_LAB=1 refused "a CPU that was kept away" \
		"give the agent CPU $last: this command may not run there" --agent-cpu "$last"
}

# A report of each, and what is none.
show()
{
	local name other
	for name in idle timer; do
		bench=$name
		other=timer
		[ "$name" = idle ] || other=idle
		jq -n --arg bench "$other" '{version: 1, bench: $bench, isolat: "0", options: {}, machine: {}, cells: [], wake: []}' >"$scratch/of-$other"
		refused "a report of $other" "read report $scratch/of-$other: not a report of isolat bench $name" --show "$scratch/of-$other"
		jq 'del(.bench)' "$scratch/of-$other" >"$scratch/of-none"
		refused "a report of none" "read report $scratch/of-none: not a report of isolat bench $name" --show "$scratch/of-none"
		jq --arg bench "$name" '.bench = $bench' "$scratch/of-$other" >"$scratch/of-$name"
		run --show "$scratch/of-$name" --json
		[ "$code" = 0 ] && cmp -s <(jq -S . "$scratch/of-$name") <(jq -S . "$scratch/out") &&
			why= || why="exit code $code: $(cat "$scratch/err")"
		verdict "bench $bench: its own report" "$why"
	done
}

words
ranges
files
no_kernels
json
timer
show
exit "$failed"
