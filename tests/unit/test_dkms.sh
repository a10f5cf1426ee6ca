#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# dkms itself builds, installs and removes the guest's modules for both test kernels, in trees of its own.
set -u
cd "$(dirname "$0")/../.." || exit
build=${ISOLAT_BUILD:-build}
version=$(sed -n 's/^VERSION *:= *//p' Makefile)
trees=$(mktemp -d)
trap 'rm -rf "$trees"' EXIT
failed=0

check() { # NAME COMMAND...
	name=$1
	shift
	if "$@" > "$trees/log" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name - $(tail -n 3 "$trees/log" | tr '\n' ' ')"
		failed=1
	fi
}

mkdir -p "$trees/src/isolat-guest-$version" "$trees/tree"
cp guest/*.[ch] guest/Kbuild guest/dkms.conf include/isolat/exitless_timer.h "$trees/src/isolat-guest-$version/"
options="--sourcetree $trees/src --dkmstree $trees/tree --installtree $trees/install --no-depmod -m isolat-guest -v $version"

for series in 6.1 6.12; do
	release=$(cat "$build/kernels/$series/version")
	mkdir -p "$trees/install/$release"
	# shellcheck disable=SC2086
	check "dkms install for $series" dkms install $options -k "$release" --kernelsourcedir "$build/kernels/$series/headers"
	for module in smart_idle_poll exitless_timer; do
		check "$module is where modprobe looks, $series" \
			sh -c "ls $trees/install/$release/updates/dkms/$module.ko*"
	done
	# shellcheck disable=SC2086
	check "dkms remove for $series" dkms remove $options -k "$release"
	check "nothing is left, $series" sh -c "[ -z \"\$(find $trees/install -name '*.ko*')\" ]"
done
exit $failed
