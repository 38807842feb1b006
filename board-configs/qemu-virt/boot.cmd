# Xen and two domains without dom0 from a TFTP server: virt.dtb has the domains' nodes, with any sizes.
#   mkimage -A arm64 -T script -C none -d boot.cmd boot.scr
setenv autoload no
dhcp
tftpb 0x41280000 virt.dtb
tftpb 0x41400000 xen
tftpb 0x42000000 Image
tftpb 0x43000000 domU1.cpio.gz
tftpb 0x44000000 Image
tftpb 0x45000000 domU2.cpio.gz
booti 0x41400000 - 0x41280000
