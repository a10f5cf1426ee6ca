#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# run.sh BUILD SECONDS TARGET...: each fuzzer for so long, beside the others, on its seeds and on what it has found
# before. What it finds new stays in BUILD; the seeds are kept. One "ok" or "not ok" line each, with the input that broke
# it behind "# ".
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 seconds=$2
shift 2
failed=0

fuzz() # TARGET
{
	mkdir -p "$build/fuzz/$1"
	"$build/fuzz/$1-fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
		-artifact_prefix="$build/fuzz/" -dict="tests/fuzz/$1.dict" "$build/fuzz/$1" "tests/fuzz/corpus/$1" \
		>"$build/fuzz/$1.log" 2>&1
}

declare -A pids
for target; do
	fuzz "$target" &
	pids[$target]=$!
done
for target; do
	log=$build/fuzz/$target.log
	runs=0
	wait "${pids[$target]}" && runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	if [ "${runs:-0}" -gt 0 ]; then
		echo "# $target: $runs inputs in $seconds s, none broke it"
		echo "ok fuzz_$target"
	else
		tail -n 40 "$log" | sed 's/^/# /'
		echo "not ok fuzz_$target - see $log"
		failed=1
	fi
done
exit $failed
