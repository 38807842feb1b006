# Runs in a domain after its report: says what it sees of the real-time clock that its partial device tree passes through to it.
say() { echo "SLIPWAY-DEVICE NAME $*."; }
say "is told of $(tr '\0' ' ' </sys/firmware/devicetree/base/passthrough/rtc@9010000/compatible)"
# The bus driver reads a PrimeCell's identification out of its registers (Arm DDI 0224, 3.3.9: part 0x031, designer 0x41).
say "reads $(cat /sys/bus/amba/devices/9010000.rtc/id)"
