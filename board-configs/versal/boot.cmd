# Xen, dom0 and a domain from a TFTP server: xen.dtb has the nodes, with any sizes.
#   mkimage -A arm64 -T script -C none -d boot.cmd boot.scr
setenv autoload no
dhcp
tftpb 0x1280000 xen.dtb
tftpb 0x80000 xen-Image
tftpb 0x1400000 xen
tftpb 0x9000000 xen-rootfs.cpio.gz
tftpb 0x2000000 Image-DomU
tftpb 0x3000000 ramdisk-DomU
booti 0x1400000 0x9000000 0x1280000
