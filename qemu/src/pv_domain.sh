# Runs in a domain after its report: waits for the network card that dom0 plugs in, and talks to dom0 over it. It gives no shell.
say() { echo "SLIPWAY-PV NAME $*."; }
devices=/sys/bus/xen/devices
until [ -e $devices/vif-0 ] && [ -e /sys/class/net/eth0 ]; do usleep 200000; done
say "sees $(cat $devices/vif-0/nodename), address $(cat /sys/class/net/eth0/address)"
ip address add 192.168.77.2/24 dev eth0
ip link set eth0 up
until ping -c 1 -W 1 192.168.77.1 >/dev/null; do usleep 200000; done
say "reaches dom0, vif-0 is $(cat $devices/vif-0/state)"
while nc -l -p 9 </dev/null >/dev/null; do :; done
