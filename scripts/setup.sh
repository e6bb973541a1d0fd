#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# setup.sh                 install what building and testing need (Debian 12, root), reserve huge pages if possible
# setup.sh fuzz            what scripts/fuzz.sh can use beside, and CI does without: AFL++, names of functions in reports
# setup.sh package         what scripts/package.sh needs beside: debhelper, lintian
# setup.sh hugepages [N]   reserve N huge pages of 2 MB [512]
# setup.sh bind PCI...     give NICs to DPDK (vfio-pci);  setup.sh unbind PCI...  give them back to the kernel
# setup.sh status          what DPDK sees
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Chromium is the largest: 120 MB to fetch and 410 MB on the disk
PACKAGES=(build-essential pkg-config meson ninja-build libdpdk-dev dpdk libnuma-dev libsodium-dev libjansson-dev libpcap-dev libssl-dev libcunit1-dev
	clang clang-format clang-tidy cppcheck libclang-rt-dev git ca-certificates gnuplot-nox valgrind
	iproute2 iputils-ping ethtool nftables tcpdump tshark nmap curl nginx-light apache2-utils wrk netcat-openbsd
	redis-server haproxy memcached iperf3 openssl socat prometheus python3-prometheus-client chromium python3-pil
	python3 libpython3.11-testsuite util-linux procps kmod groff-base man-db mandoc doxygen bash-completion)
FUZZ_PACKAGES=(llvm afl++) # llvm: its symbolizer names functions in reports
PACKAGE_PACKAGES=(dpkg-dev debhelper lintian fakeroot)

# apt must not start the daemons it installs: a policy-rc.d of ours for the time being, unless there is one already.
install_packages() { # PACKAGE...
	local p want=() policy=/usr/sbin/policy-rc.d
	for p in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] && continue
		# any nginx will do
		[ "$p" = nginx-light ] && command -v nginx >/dev/null && continue
		want+=("$p")
	done
	if [ ${#want[@]} = 0 ]; then
		say "setup: all packages are installed"
		return
	fi
	say "setup: installing ${want[*]}"
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		trap "rm -f $policy" EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
	apt-get -qq update || die "apt-get update failed: check the network and /etc/apt/sources.list"
	apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "${want[@]}" >/dev/null ||
		die "apt-get could not install: ${want[*]}"
}

hugepages() {
	local want=${1:-512} f=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages have
	have=$(cat $f 2>/dev/null || echo 0)
	if [ "$have" -lt "$want" ]; then
		(echo "$want" >$f) 2>/dev/null || true
		have=$(cat $f 2>/dev/null || echo 0)
	fi
	if [ "$have" -ge "$want" ]; then
		say "setup: $have huge pages of 2 MB"
	else
		say "setup: only $have of $want huge pages of 2 MB: the scripts fall back to --no-huge, slower but working"
	fi
}

bind() {
	local devbind driver=vfio-pci
	devbind=$(command -v dpdk-devbind.py) || die "dpdk-devbind.py is missing: run setup.sh first"
	[ $# -gt 0 ] || die "which NIC? setup.sh bind 0000:01:00.0 (setup.sh status lists them)"
	modprobe vfio-pci 2>/dev/null || die "no vfio-pci in this kernel: it needs CONFIG_VFIO_PCI"
	# without an IOMMU the device can reach all memory: only on a machine you own
	if [ -z "$(ls /sys/kernel/iommu_groups 2>/dev/null)" ]; then
		echo 1 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode 2>/dev/null ||
			die "no IOMMU, and this kernel has no vfio no-IOMMU mode"
		say "setup: no IOMMU: vfio runs in its unsafe no-IOMMU mode"
	fi
	"$devbind" -b $driver "$@"
	"$devbind" --status-dev net
}

# The driver that the kernel would have chosen: probing again finds it.
unbind() {
	local pci dev
	[ $# -gt 0 ] || die "which NIC? setup.sh unbind 0000:01:00.0"
	for pci in "$@"; do
		dev=/sys/bus/pci/devices/$pci
		[ -e "$dev" ] || die "$pci: no such PCI device"
		[ -e "$dev/driver" ] && echo "$pci" >"$dev/driver/unbind"
		echo >"$dev/driver_override"
		echo "$pci" >/sys/bus/pci/drivers_probe
	done
	dpdk-devbind.py --status-dev net
}

case "${1:-}" in
"") need_root; install_packages "${PACKAGES[@]}"; hugepages ;;
fuzz) need_root; install_packages "${PACKAGES[@]}" "${FUZZ_PACKAGES[@]}" ;;
package) need_root; install_packages "${PACKAGES[@]}" "${PACKAGE_PACKAGES[@]}" ;;
hugepages) need_root; hugepages "${2:-}" ;;
bind) need_root; shift; bind "$@" ;;
unbind) need_root; shift; unbind "$@" ;;
status) dpdk-devbind.py --status-dev net; grep Huge /proc/meminfo ;;
*) sed -n '3,8s/^# //p' "$0"; exit 1 ;;
esac
