# SPDX-License-Identifier: BSD-3-Clause
# For test_apply.sh, which knows the functions and variables that are used here: what is another's before apply comes
# (CPUs in his groups, ways, bandwidth), and stays his.
# shellcheck shell=bash disable=SC2154,SC2034

lines_as() # MASK: the default group's L3 lines, with this mask in domain 0
{
	sed -E -n 's/^ *(L3[A-Z]*:0=)[0-9a-f]+.*/\1'"$1"'/p' $resctrl/schemata
}

mkdir $resctrl/rt
echo 'L3:0=400;1=400' >$resctrl/rt/schemata
echo 0-30 >$resctrl/rt/cpus_list
listing >"$scratch/with-rt"
run apply --profile "$scratch/profile.agent" --no-cpusets
verdict "the agent's CPUs are in another's group: refused, and nothing is written" "$(says 1 \
	'apply isolat-timer-agent: CPUs* [0-9,-]*, which it is to have, \(is\|are\) in the RDT group rt, which is not isolat' \
	)$([ "$(wc -l <"$scratch/err")" = 1 ] || cat "$scratch/err")$(listing | diff "$scratch/with-rt" - | head -n 5)"
rmdir $resctrl/rt
mkdir $resctrl/mon_groups/watch
echo 0-30 >$resctrl/mon_groups/watch/cpus_list
listing >"$scratch/with-watch"
run apply --profile "$scratch/profile.agent" --no-cpusets
verdict "or in another's monitor group" "$(says 1 'in the RDT group mon_groups/watch, which is not isolat'
	)$(listing | diff "$scratch/with-watch" - | head -n 5)"
echo >$resctrl/mon_groups/watch/cpus_list
run apply --profile "$scratch/profile.agent" --no-cpusets
verdict 'but not where that has none' "$(says 0 '^applied')"
run undo
rmdir $resctrl/mon_groups/watch

# Another's ways on socket 1, where no VM runs: the default group keeps all that it has there.
mkdir $resctrl/rt
echo 'L3:0=400;1=7f0' >$resctrl/rt/schemata
lines_as 0f >$resctrl/schemata
echo 'MB:0=50' >$resctrl/schemata
listing >"$scratch/with-rt"
grep -vE 'vm[1-9]' "$scratch/profile" >"$scratch/profile.one"
run apply --profile "$scratch/profile.one" --no-cpusets
why=$(says 0 '^applied')
[ "$(tr -d ' \n' <$resctrl/schemata)" = 'MB:0=50;1=100L3:0=00f;1=7ff' ] || why+="$(cat $resctrl/schemata); "
verdict 'the default group does not grow, and is not cut for nobody' "$why"
n=$(ops)
run apply --profile "$scratch/profile.one" --no-cpusets
verdict 'nor by a second apply' "$(says 0 'applied already')$([ "$(ops)" = "$n" ] || echo "$(($(ops) - n)) writes")"
sed 's/l3: 2 ways/l3: 8 ways/' "$scratch/profile.one" >"$scratch/profile.eight"
run apply --profile "$scratch/profile.eight" --no-cpusets
why=$(says 0 '^applied')
mask=$((0x$(grep -oE 'L3:0=[0-9a-f]+' $resctrl/schemata | sed 's/.*=//')))
[ $mask -gt 0 ] && [ $((mask & ~0xf)) = 0 ] || why+="$(cat $resctrl/schemata); "
run apply --profile "$scratch/profile.one" --no-cpusets
[ "$(tr -d ' \n' <$resctrl/schemata)" = 'MB:0=50;1=100L3:0=00f;1=7ff' ] || why+="$(cat $resctrl/schemata); "
verdict 'it is cut for a longer run, and has all again after the next apply' "$why"
run undo
verdict 'and undo' "$(says 0 '^undone')$(listing | diff "$scratch/with-rt" - | head -n 5)"
rmdir $resctrl/rt
lines_as 7ff >$resctrl/schemata
echo 'MB:0=100' >$resctrl/schemata

# 45 % goes by 10: the plan says so, and what is asked of the hardware is what it has.
apply --json
verdict '45 % of the bandwidth are 50: asked, and programmed' "$(jq -e '(.notes | any(contains("45 % of the bandwidth asked, 50 % given"))) and
	(.groups[] | select(.name == "isolat-batch") | .requested == .programmed and (.programmed | contains("MB:0=50;1=")))' \
	"$scratch/out" >/dev/null || cat "$scratch/out")"
run undo
verdict 'and all is as before' "$(as_before)"
