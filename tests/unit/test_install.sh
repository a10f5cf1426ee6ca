#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What `make install` puts where, that it works from there, and that `make uninstall` takes it all away.
# Usage: test_install.sh [ISOLAT]
# Prints "ok NAME" or "not ok NAME - WHY" lines, and fails when one of them does.
set -u
cd "$(dirname "$0")/../.." || exit 1
kernels=${ISOLAT_KERNELS:-$PWD/build/kernels}
root=$(mktemp -d) || exit 2
trap 'rm -rf -- "$root"' EXIT
failed=0
. "$(dirname -- "${BASH_SOURCE[0]}")/../verdict.bash" || exit 2

# A make of its own, not a part of the one that runs the tests.
unset MAKEFLAGS MFLAGS MAKELEVEL ISOLAT_BUILD ISOLAT_KERNELS ISOLAT_LIBEXEC DESTDIR PREFIX

make_target()
{
	local why=
	make -s "$1" DESTDIR="$root/destdir" PREFIX=/usr >"$root/log" 2>&1 || why=$(tail -n 3 "$root/log")
	verdict "make $1" "$why"
}

# "MODE PATH" of all that has to be there.
expected()
{
	local page
	printf '755 usr/bin/%s\n' exitless-bench idle-gen idle-replay isolat isolat-microvm rdt-state
	echo "755 usr/sbin/exitless-timerd"
	printf '755 usr/libexec/isolat/%s\n' isolat-init idle-bench-guest timer-bench-guest kvm_halt_poll.so rdt_emu.so isolat-pqos fetch-kernel.sh
	for page in docs/*.[1-8]; do
		echo "644 usr/share/man/man${page##*.}/${page##*/}"
	done
	for page in tools/examples/*.yaml; do
		echo "644 usr/share/doc/isolat/examples/${page##*/}"
	done
	echo "644 usr/share/bash-completion/completions/isolat"
	echo "777 usr/share/bash-completion/completions/isolat-microvm"
}

found()
{
	find "$root/destdir" ! -type d -printf '%m %P\n'
}

test_files()
{
	verdict "files and modes" "$(diff <(expected | sort) <(found | sort) | sed -n 's/^</missing:/p; s/^>/more:/p')"
	verdict "no path of DESTDIR in them" "$(grep -rlF "$root" "$root/destdir")"
}

test_programs()
{
	local program why
	for program in exitless-bench idle-gen idle-replay isolat isolat-microvm rdt-state; do
		why=$("$root/destdir/usr/bin/$program" --version 2>&1)
		verdict "$program --version" "$(grep -qx "$program [0-9.]*" <<<"$why" || echo "it says: $why")"
	done
	# shellcheck disable=SC2016 # for the inner shell
	why=$(bash -c 'source "$1" && complete -p isolat-microvm' bash \
		"$root/destdir/usr/share/bash-completion/completions/isolat-microvm" 2>&1)
	verdict "completion" "$(grep -q -- '-F _isolat_microvm isolat-microvm' <<<"$why" || echo "it says: $why")"
}

# A QEMU that boots nothing, but says whose process 1 it was given.
fake_qemu()
{
	mkdir "$root/bin"
	cat >"$root/bin/qemu-system-x86_64" <<'END'
#!/bin/bash
while [ "$1" != -initrd ]; do shift; done
cpio --quiet -i --to-stdout init <"$2" 2>/dev/null | cmp -s - "$EXPECTED_INIT" && echo "process 1 is right" >&2
END
	chmod +x "$root/bin/qemu-system-x86_64"
}

launch() # ENVIRONMENT...: the installed launcher, what it says
{
	env ISOLAT_KERNELS="$kernels" PATH="$root/bin:$PATH" EXPECTED_INIT="$PWD/build/isolat-init" "$@" timeout 20 \
		"$root/destdir/usr/bin/isolat-microvm" --kernel 6.1 --accel tcg true 2>&1
}

test_launcher()
{
	local name="installed isolat-microvm" says
	if [ ! -e "$kernels/6.1/vmlinuz" ]; then
		echo "ok $name # SKIP no kernel 6.1 in $kernels: make kernels"
		return
	fi
	fake_qemu
	says=$(launch ISOLAT_LIBEXEC=)
	verdict "$name finds process 1 by itself" "$(grep -q "process 1 is right" <<<"$says" || echo "$says")"
	mv "$root/destdir/usr/libexec/isolat" "$root/elsewhere"
	says=$(launch ISOLAT_LIBEXEC="$root/elsewhere")
	verdict "$name finds process 1 by ISOLAT_LIBEXEC" "$(grep -q "process 1 is right" <<<"$says" || echo "$says")"
	# An isolat that is installed in this machine may lend its own.
	if [ ! -e /usr/local/libexec/isolat ]; then
		says=$(launch ISOLAT_LIBEXEC=)
		verdict "$name without process 1" \
			"$(grep -q '^isolat-microvm: find isolat-init: ' <<<"$says" || echo "it says: $says")"
	fi
	mv "$root/elsewhere" "$root/destdir/usr/libexec/isolat"
}

make_target install
test_files
test_programs
test_launcher
make_target uninstall
verdict "nothing is left" "$(found)"
exit "$failed"
