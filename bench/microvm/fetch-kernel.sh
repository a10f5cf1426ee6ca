#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# fetch-kernel.sh SERIES DIR: download a Debian cloud kernel of SERIES (6.1, 6.12) and unpack it, with its headers,
# below DIR. Nothing is installed: the host's /boot, /lib/modules and package database stay as they are.
#
# DIR afterwards holds what the launcher (isolat-microvm) and the module build need:
#   version              the kernel release (uname -r)
#   vmlinuz, vmlinux     the stock image, and its uncompressed payload (boots fastest through the PVH entry)
#   modules -> ...       lib/modules/RELEASE
#   headers -> ...       a KERNELDIR for out-of-tree modules
#
# A second call with the same SERIES and a complete DIR does nothing. The packages come from the machine's own apt
# sources; a newer kernel there is taken by removing DIR.
set -eu

die() { echo "fetch-kernel: $*" >&2; exit 1; }

[ $# -eq 2 ] || { echo "usage: fetch-kernel.sh SERIES DIR" >&2; exit 2; }
series=$1
dir=$2
[ -e "$dir/complete" ] && exit 0

case $series in
6.1)	meta=linux-image-cloud-amd64 ;;
*)	meta=linux-image-$series-cloud-amd64 ;;
esac

depends() { apt-cache depends --important "$1" 2>/dev/null | sed -n 's/^ *|\{0,1\}Depends: //p'; }
newest() { depends "$1" | grep -E "$2" | head -n 1; }

image=$(newest "$meta" '^linux-image-[0-9].*-cloud-amd64$')
if [ -z "$image" ]; then
	# The package lists of a new machine may be missing or old.
	[ "$(id -u)" = 0 ] && apt-get -qq update || :
	image=$(newest "$meta" '^linux-image-[0-9].*-cloud-amd64$')
fi
[ -n "$image" ] || die "no $meta in this machine's apt sources: run 'apt-get update' as root, or add the suite that has it"
release=${image#linux-image-}
case $release in
"$series".*) ;;
*) die "$meta is $release here, not $series: this machine is not Debian 12" ;;
esac
headers=linux-headers-$release
common=$(newest "$headers" '^linux-headers-.*-common$')
kbuild=$(newest "$headers" '^linux-kbuild-')
[ -n "$common" ] && [ -n "$kbuild" ] || die "$headers: no -common or -kbuild package among its dependencies"

rm -rf "$dir"
mkdir -p "$dir/deb" "$dir/root"
echo "fetch-kernel: $release" >&2
(cd "$dir/deb" && apt-get -qq -o APT::Sandbox::User=root download "$image" "$headers" "$common" "$kbuild") ||
	die "download of $image failed"
for deb in "$dir"/deb/*.deb; do
	dpkg-deb -x "$deb" "$dir/root"
done
rm -rf "$dir/deb"

# The header packages point at each other by absolute path: make them relative to where they are unpacked.
root=$(cd "$dir/root" && pwd)
src=usr/src/$headers
sed -i "s,/usr/src/,$root/usr/src/,g" "$root/$src/Makefile"
find "$root/usr/src" "$root/lib/modules" -type l | while read -r link; do
	to=$(readlink "$link")
	case $to in
	/*)	;;
	*/lib/linux-kbuild-*) to=/usr/lib/${to##*/lib/} ;;
	*)	continue ;;
	esac
	[ -e "$root$to" ] && ln -sfn "$root$to" "$link"
done

# depmod's tables are made by the package's postinst, which does not run here.
depmod -b "$root" "$release"
ln -sfn "root/boot/vmlinuz-$release" "$dir/vmlinuz"
ln -sfn "root/lib/modules/$release" "$dir/modules"
ln -sfn "root/$src" "$dir/headers"
echo "$release" > "$dir/version"

# vmlinuz is a small loader before a compressed vmlinux: find the payload by its magic and by its unpacking well.
try_unpack() { # MAGIC-AS-HEX COMMAND...
	magic=$1; shift
	for at in $(LC_ALL=C grep -aobP "$magic" "$dir/vmlinuz" | cut -d: -f1); do
		tail -c +$((at + 1)) "$dir/vmlinuz" | "$@" 2>/dev/null > "$dir/vmlinux" || :
		head -c 4 "$dir/vmlinux" | grep -qaP '^\x7fELF' && return 0
	done
	return 1
}
try_unpack '\x02\x21\x4c\x18' lz4 -dc ||
try_unpack '\xfd7zXZ\x00' xz -dc ||
try_unpack '\x28\xb5\x2f\xfd' zstd -dc ||
	rm -f "$dir/vmlinux"
touch "$dir/complete"
