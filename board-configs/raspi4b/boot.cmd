# Xen and a domain without dom0, from the card's first partition: xen.dtb has the domain's nodes, with any sizes.
#   mkimage -A arm64 -T script -C none -d boot.cmd boot.scr
load ${devtype} ${devnum}:${distro_bootpart} 0x1280000 xen.dtb
load ${devtype} ${devnum}:${distro_bootpart} 0x1400000 xen
load ${devtype} ${devnum}:${distro_bootpart} 0x2000000 Image-DomU
load ${devtype} ${devnum}:${distro_bootpart} 0x6000000 ramdisk-DomU
booti 0x1400000 - 0x1280000
