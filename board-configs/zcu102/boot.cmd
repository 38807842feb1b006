# The block of Xen's dom0less document (docs/features/dom0less.pandoc), for the files that it names on a TFTP server: true addresses and
# sizes go into the tree's module nodes by themselves. Make a boot.scr of this, or type it:
#   mkimage -A arm64 -T script -C none -d boot.cmd boot.scr
setenv autoload no
dhcp
tftpb 0x1280000 xen.dtb
tftpb 0x80000 xen-Image
tftpb 0x1400000 xen.ub
tftpb 0x9000000 xen-rootfs.cpio.gz.u-boot
tftpb 0x2000000 Image-DomU
tftpb 0x3000000 ramdisk-DomU
bootm 0x1400000 0x9000000 0x1280000
