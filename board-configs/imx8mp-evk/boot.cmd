# Xen, dom0 and a domain from the card: xen.dtb has the nodes, with any sizes, which are made true.
#   mkimage -A arm64 -T script -C none -d boot.cmd boot.scr
load mmc 1:1 0x40480000 Image
load mmc 1:1 0x43000000 xen.dtb
load mmc 1:1 0x44000000 xen
load mmc 1:1 0x45000000 xen-rootfs.cpio.gz
load mmc 1:1 0x48000000 Image-DomU
load mmc 1:1 0x4c000000 ramdisk-DomU
booti 0x44000000 0x45000000 0x43000000
