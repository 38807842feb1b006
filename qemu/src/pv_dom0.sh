# Runs in dom0 after its report: the steps of Xen's dom0less document, "PV Drivers", and a network card for domain 1.
# What the tests wait for is said at the end, when the domain is silent: Xen mixes the characters of dom0's lines with other lines.
export PATH=/bin:/usr/bin:/usr/lib/xen-4.17/bin
say() { echo "SLIPWAY-PV NAME $*."; }
say_lines() { while read -r line; do say "$1: $line"; done; }
mkdir -p /etc/xen/scripts /var/lib/xen /var/lock /var/run/xen /var/run/xenstored
mount -t xenfs xenfs /proc/xen
: >/etc/xen/xl.conf
# Xen's own hotplug scripts need bash, udev and a bridge; this one gives dom0's end of the cable an address.
cat >/etc/xen/scripts/vif-cable <<'END'
#!/bin/busybox sh
[ "$1" = online ] || exit 0
ip address add 192.168.77.1/24 dev "$vif" && ip link set "$vif" up && xenstore write "$XENBUS_PATH/hotplug-status" connected
END
chmod +x /etc/xen/scripts/vif-cable

xenstored --pid-file /var/run/xen/xenstored.pid
until xenstore read -s / >/dev/null 2>&1; do usleep 100000; done
xen-init-dom0 >/dev/null
init-dom0less
init=$?
domains=$(xl list)
xl network-attach 1 mac=00:16:3e:00:00:77 script=vif-cable
attach=$?
# The domain listens when it has said what it sees.
[ $attach != 0 ] || until nc -w 1 192.168.77.2 9 </dev/null 2>/dev/null; do usleep 200000; done
say "init-dom0less ended with status $init"
echo "$domains" | say_lines "xl list"
say "xl network-attach ended with status $attach"
xl network-list 1 | say_lines "xl network-list"
say "is done"
