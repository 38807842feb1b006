// From reset to Rust, twice: first where the image was put, to find a device tree and RAM; then at the top of RAM.
//
// Register use: x19 device tree address as handed over (x0), x20 base of the image that runs, x21 device tree that was
// found, x22 base of the final image, x24 end of the room that the early steps may use, x25 what TPIDR_ELx begins with (power.rs).

    .section .text.head, "ax"
    .global _start
_start:
    // The arm64 Image header (Linux Documentation/arch/arm64/booting.rst, "Call the kernel image").
    b       from_reset
    .long   0
    .quad   0                       // text_offset: at a 2 MiB boundary
    .quad   __image_size            // with .bss and the early stack
    .quad   0xa                     // little-endian, 4 KiB pages, anywhere in RAM
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    // For from_el3: sets `bits` in x2 if the ID register's field at `lsb` says that there is something to control.
    .macro  grant register, lsb, bits
    mrs     x0, \register
    ubfx    x0, x0, #\lsb, #4
    mov     x1, #\bits
    orr     x1, x1, x2
    cmp     x0, #0
    csel    x2, x1, x2, ne
    .endm

    .section .text.entry, "ax"
from_reset:
    msr     daifset, #0xf
    mov     x19, x0
    mov     x25, xzr
    adrp    x20, _start
    ldr     x0, =({ROM_START})
    ldr     x1, =({ROM_END})
    cmp     x20, x0
    b.lo    in_ram
    cmp     x20, x1
    b.hs    in_ram

    // Started from ROM, which nothing can write, which EL2 may not even see (QEMU's secure flash), and where all CPUs may
    // arrive: park all but the first and go on from RAM.
    mrs     x0, mpidr_el1
    tst     x0, #0xffffff
    b.eq    2f
1:  wfe
    b       1b
2:  bl      find_scratch
    adr     x23, from_scratch
    b       move_image

in_ram:
    adrp    x24, __early_end        // the image's own room, as its header promises
from_scratch:
    mrs     x0, currentel
    cmp     x0, #(3 << 2)
    b.eq    from_el3
    cmp     x0, #(2 << 2)
    b.eq    at_el2

at_el1:
    msr     tpidr_el1, x25          // no PSCI conduit is known yet
    mov     x0, #(3 << 20)          // CPACR_EL1.FPEN: no trap of FP and NEON
    msr     cpacr_el1, x0
    movz    x0, #0x0800             // SCTLR_EL1: RES1 bits only, MMU and caches off
    movk    x0, #0x30d0, lsl #16
    msr     sctlr_el1, x0
    isb
    b       level_is_set

from_el3:
    mov     x25, #{FROM_EL3}
    // SCR_EL3: NS, RES1, SMD (nobody would answer an SMC), HCE, RW. The lower levels run non-secure AArch64.
    mov     x2, #0x5b1
    grant   id_aa64isar1_el1, 4, (3 << 16)      // PAuth (APA, API, and APA3 below): APK, API
    grant   id_aa64isar1_el1, 8, (3 << 16)
    grant   S3_0_C0_C6_2, 12, (3 << 16)         // ID_AA64ISAR2_EL1
    grant   id_aa64pfr1_el1, 8, (1 << 26)       // MTE: ATA
    grant   id_aa64pfr1_el1, 24, (1 << 41)      // SME: EnTP2
    grant   id_aa64mmfr0_el1, 56, (1 << 27)     // FGT: FGTEn
    grant   id_aa64mmfr1_el1, 40, (1 << 38)     // HCX: HXEn
    grant   S3_0_C0_C7_3, 0, (1 << 43)          // ID_AA64MMFR3_EL1: TCR2En
    grant   S3_0_C0_C7_3, 4, (1 << 44)          // SCTLR2En
    grant   S3_0_C0_C7_3, 8, (1 << 45)          // S1PIE: PIEn
    msr     scr_el3, x2
    mov     x2, xzr
    grant   id_aa64pfr0_el1, 32, (1 << 8)       // SVE: EZ
    grant   id_aa64pfr1_el1, 24, (1 << 12)      // SME: ESM
    msr     cptr_el3, x2
    msr     mdcr_el3, xzr                       // no trap of PMU and debug registers
    isb
    mov     x1, #0x1ff                          // the longest vectors there are
    tbz     x2, #8, 1f
    msr     S3_6_C1_C2_0, x1                    // ZCR_EL3
1:  tbz     x2, #12, 1f
    orr     x0, x1, #(1 << 31)                  // FA64
    msr     S3_6_C1_C2_6, x0                    // SMCR_EL3
1:
    mrs     x0, id_aa64pfr0_el1
    ubfx    x1, x0, #24, #4         // GIC system registers: let EL2 have them, as Xen needs
    cbz     x1, 1f
    mrs     x1, S3_6_C12_C12_5      // ICC_SRE_EL3
    orr     x1, x1, #(1 << 0)       // SRE
    orr     x1, x1, #(1 << 3)       // Enable
    msr     S3_6_C12_C12_5, x1
1:  isb
    ubfx    x1, x0, #8, #4          // EL2 there?
    mov     x2, #0x3c9              // SPSR: EL2h, DAIF masked
    mov     x3, #0x3c5              // SPSR: EL1h, DAIF masked
    cmp     x1, #0
    csel    x2, x2, x3, ne
    adr     x4, at_el2
    adr     x5, at_el1
    csel    x4, x4, x5, ne
    msr     spsr_el3, x2
    msr     elr_el3, x4
    eret

at_el2:
    msr     tpidr_el2, x25          // no PSCI conduit is known yet
    movz    x0, #0x8000, lsl #16    // HCR_EL2.RW: EL1 is AArch64; no VHE, no traps
    orr     x0, x0, #(1 << 5)       // AMO: else EL2 need not take an SError that is let in
    msr     hcr_el2, x0
    isb
    mov     x0, #0x33ff             // CPTR_EL2: RES1 only, FP and NEON do not trap
    msr     cptr_el2, x0
    mov     x0, #3                  // CNTHCTL_EL2: EL1 may use counter and timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    movz    x0, #0x0830             // SCTLR_EL2: RES1 bits only, MMU and caches off
    movk    x0, #0x30c5, lsl #16
    msr     sctlr_el2, x0
    isb

level_is_set:
    msr     spsel, #1
    bl      settle_image
    bl      early_mmu_on
    adrp    x2, __early_stack_end   // the stack grows down from here, the heap of early_main up to x24
    mov     sp, x2
    mov     x0, x19
    mov     x1, x20
    mov     x3, x24
    bl      early_main              // x0: device tree, x1: final base
    mov     x21, x0
    mov     x22, x1
    adr     x23, in_final_place
    b       move_image

in_final_place:
    bl      settle_image
    ldr     x0, =({STACKS_OFFSET})
    add     x0, x20, x0             // exceptions on SP_ELx, at the end of the stack area ...
    mov     sp, x0
    msr     spsel, #0
    ldr     x1, =({EXCEPTION_STACK_SIZE})
    sub     x0, x0, x1
    sub     x0, x0, #4096           // ... a guard page below it, then the stack of everything else on SP_EL0
    mov     sp, x0
    mov     x0, x21
    mov     x1, x20
    mov     x29, xzr
    mov     x30, xzr
    bl      main
1:  wfi
    b       1b

// Chooses x22, the place of the first copy in RAM, and x24, the end of the room there: the first 2 MiB of RAM, behind the device
// tree blob that may lie there. The blob's last block is its end: QEMU makes it 1 MiB long, of which a few KiB are used. Its
// header is made to say so (DT spec 5.2), for the image will lie in the rest.
find_scratch:
    ldr     x1, =({RAM_START})
    add     x24, x1, #0x200000
    mov     x22, x1
    ldr     w2, [x1]
    rev     w2, w2
    ldr     w3, =0xd00dfeed
    cmp     w2, w3
    b.ne    2f                      // no blob
    ldp     w6, w2, [x1, #4]        // totalsize, off_dt_struct
    ldp     w3, w7, [x1, #12]       // off_dt_strings, off_mem_rsvmap
    ldp     w5, w4, [x1, #32]       // size_dt_strings, size_dt_struct
    rev     w2, w2
    rev     w3, w3
    rev     w4, w4
    rev     w5, w5
    rev     w6, w6
    rev     w7, w7
    cmp     w7, w2
    b.hi    1f                      // the reservations are not in front, as they are with every tool
    add     x2, x2, x4
    add     x3, x3, x5
    cmp     x2, x3
    csel    x2, x2, x3, hi
    add     x2, x2, #7
    and     x2, x2, #~7
    cmp     x2, x6
    b.hs    1f                      // no slack
    mov     x6, x2
    rev     w2, w2
    str     w2, [x1, #4]
1:  add     x22, x1, x6
    add     x22, x22, #4095
    and     x22, x22, #~4095
2:  adrp    x2, __early_stack_end
    sub     x2, x2, x20
    add     x2, x2, x22
    sub     x3, x22, x1             // the early heap holds the tree's nodes: 128 KiB and four times its length at least
    add     x2, x2, x3, lsl #2
    add     x2, x2, #0x20000
    cmp     x24, x2
    csel    x24, x24, x2, hi
    ret

// Copies the image from x20 to x22 and continues at x23 - x20 + x22, with x20 = x22.
move_image:
    adrp    x2, __data_end
    add     x2, x2, :lo12:__data_end
    mov     x0, x20
    mov     x1, x22
1:  ldp     x3, x4, [x0], #16
    stp     x3, x4, [x1], #16
    cmp     x0, x2
    b.lo    1b
    sub     x0, x23, x20
    add     x23, x22, x0
    // What was written must be seen by instruction fetch, here and after the caches change state.
    mov     x0, x22
2:  dc      civac, x0
    add     x0, x0, #16
    cmp     x0, x1
    b.lo    2b
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    mov     x20, x22
    br      x23

// Applies the relocations of the image at x20, clears its .bss and sets its exception vectors.
settle_image:
    adrp    x1, __rela_start
    add     x1, x1, :lo12:__rela_start
    adrp    x2, __rela_end
    add     x2, x2, :lo12:__rela_end
1:  cmp     x1, x2
    b.hs    2f
    ldp     x3, x4, [x1], #16
    ldr     x5, [x1], #8
    cmp     w4, #1027               // R_AARCH64_RELATIVE: the only kind in a static PIE
    b.ne    1b
    add     x5, x5, x20
    str     x5, [x20, x3]
    b       1b
2:  adrp    x1, __bss_start
    adrp    x2, __bss_end
3:  cmp     x1, x2
    b.hs    4f
    stp     xzr, xzr, [x1], #16
    b       3b
4:  adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    mrs     x1, currentel
    cmp     x1, #(2 << 2)
    b.ne    5f
    msr     vbar_el2, x0
    ret
5:  msr     vbar_el1, x0
    ret

// Turns MMU and caches on over a map of 1 GiB blocks (39-bit addresses, level 1): normal memory for the gibibytes of the image, of the
// start of RAM and of the device tree; nothing else, so that early_main can add the gibibyte of the final place without
// break-before-make. The gibibyte of the early console has 2 MiB blocks (level 2), for there may be RAM in it as well: device memory for
// the one with the registers, normal memory for what the image and the tree need.
early_mmu_on:
    mov     x6, x30
    // Lines that were written with the caches off must not be shadowed by stale ones.
    mov     x0, x20
    mov     x1, x24
1:  dc      ivac, x0
    add     x0, x0, #16
    cmp     x0, x1
    b.lo    1b
    dsb     sy

    adrp    x0, early_table
    adrp    x8, early_uart_table
    mov     x2, #0x401              // device nGnRnE, access flag, block
    orr     x2, x2, #(1 << 54)      // execute never
    mrs     x1, currentel
    cmp     x1, #(1 << 2)
    b.ne    5f
    orr     x2, x2, #(1 << 53)      // at EL1 that is two bits
5:
    ldr     x5, =({EARLY_UART})
    lsr     x9, x5, #30             // the gibibyte with small blocks
    orr     x3, x8, #3              // table
    str     x3, [x0, x9, lsl #3]
    mov     x7, x5
    bl      show
    mov     x2, #0x705              // normal write-back, inner shareable, access flag, block
    mov     x5, x20
    sub     x7, x24, #1
    bl      show
    ldr     x5, =({RAM_START})
    add     x7, x5, #0x1ff000
    bl      show
    mov     x5, x19                 // the tree, whose 2 MiB may reach into the next block
    add     x7, x5, #0x1ff000
    bl      show
    dsb     sy

    movz    x1, #0xff00             // MAIR: 0 device nGnRnE, 1 normal write-back, 2 normal non-cacheable
    movk    x1, #0x44, lsl #16
    mrs     x2, id_aa64mmfr0_el1
    and     x2, x2, #7              // physical address size, at most 48 bits
    cmp     x2, #5
    mov     x3, #5
    csel    x2, x2, x3, ls
    movz    x4, #0x3519             // TCR: T0SZ 25, walks write-back inner shareable, 4 KiB
    mrs     x5, currentel
    cmp     x5, #(2 << 2)
    b.ne    3f

    movk    x4, #0x8080, lsl #16    // TCR_EL2 RES1
    orr     x4, x4, x2, lsl #16     // PS
    msr     mair_el2, x1
    msr     tcr_el2, x4
    msr     ttbr0_el2, x0
    isb
    tlbi    alle2
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    mrs     x1, sctlr_el2
    orr     x1, x1, #(1 << 0)       // M
    orr     x1, x1, #(1 << 2)       // C
    orr     x1, x1, #(1 << 12)      // I
    msr     sctlr_el2, x1
    isb
    ret     x6

3:  movk    x4, #0x0080, lsl #16    // TCR_EL1: EPD1, nothing through TTBR1
    orr     x4, x4, x2, lsl #32     // IPS
    msr     mair_el1, x1
    msr     tcr_el1, x4
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    mrs     x1, sctlr_el1
    orr     x1, x1, #(1 << 0)
    orr     x1, x1, #(1 << 2)
    orr     x1, x1, #(1 << 12)
    msr     sctlr_el1, x1
    isb
    ret     x6

// Shows x5 to x7 in the tables at x0 and x8 as x2 says, but for what is beyond the tables or shown already: x0 of a raw entry may be
// anything. x9 is the gibibyte that the table at x8 is for.
show:
    lsr     x1, x5, #30
    cmp     x1, #512
    b.hs    3f
    cmp     x1, x9
    b.eq    1f
    ldr     x4, [x0, x1, lsl #3]
    cbnz    x4, 2f
    orr     x3, x2, x1, lsl #30
    str     x3, [x0, x1, lsl #3]
    b       2f
1:  ubfx    x1, x5, #21, #9
    ldr     x4, [x8, x1, lsl #3]
    cbnz    x4, 2f
    lsr     x3, x5, #21
    orr     x3, x2, x3, lsl #21
    str     x3, [x8, x1, lsl #3]
2:  lsr     x5, x5, #21             // the next 2 MiB
    add     x5, x5, #1
    lsl     x5, x5, #21
    cmp     x5, x7
    b.ls    show
3:  ret

// fn switch_map(root: u64, protection: u64): loads a translation table, with SCTLR_ELx.WXN as in `protection`. MMU off in between,
// since block sizes change (break-before-make, Arm ARM D8.16); the code is identity-mapped in both maps and touches no memory
// meanwhile.
    .global switch_map
switch_map:
    mov     x4, x1
    dsb     sy
    mrs     x5, currentel
    cmp     x5, #(2 << 2)
    b.ne    1f
    mrs     x1, sctlr_el2
    bic     x2, x1, #1
    mrs     x3, tcr_el2
    bic     x3, x3, #0x3f
    orr     x3, x3, #16             // T0SZ 16: 48-bit addresses, level 0
    msr     sctlr_el2, x2
    isb
    msr     tcr_el2, x3
    msr     ttbr0_el2, x0
    isb
    tlbi    alle2
    dsb     sy
    isb
    bic     x1, x1, #(1 << 19)
    orr     x1, x1, x4
    msr     sctlr_el2, x1
    isb
    ret
1:  mrs     x1, sctlr_el1
    bic     x2, x1, #1
    mrs     x3, tcr_el1
    bic     x3, x3, #0x3f
    orr     x3, x3, #16
    msr     sctlr_el1, x2
    isb
    msr     tcr_el1, x3
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    bic     x1, x1, #(1 << 19)
    orr     x1, x1, x4
    msr     sctlr_el1, x1
    isb
    ret

// fn jump(entry: u64, device_tree: u64, start: u64, end: u64) -> !: MMU and caches off, x0 = device tree, x1..x3 = 0. Touches no memory, but
// that it drops what the caches hold from start to end: once more, now that nothing can be fetched into them.
    .global jump
jump:
    mov     x4, x0
    mov     x0, x1
    mov     x8, x2
    mov     x9, x3
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    dsb     sy
    mov     x7, #0x0005             // C, M
    movk    x7, #0x0008, lsl #16    // WXN
    mrs     x5, currentel
    cmp     x5, #(2 << 2)
    b.ne    1f
    mrs     x6, sctlr_el2
    bic     x6, x6, x7
    msr     sctlr_el2, x6
    b       2f
1:  mrs     x6, sctlr_el1
    bic     x6, x6, x7
    msr     sctlr_el1, x6
2:  isb
    mrs     x10, ctr_el0
    ubfx    x10, x10, #16, #4       // DminLine: words, by their logarithm
    mov     x11, #4
    lsl     x11, x11, x10
    sub     x10, x11, #1
    bic     x8, x8, x10
3:  cmp     x8, x9
    b.hs    4f
    dc      civac, x8
    add     x8, x8, x11
    b       3b
4:  dsb     sy
    bic     x6, x6, #(1 << 12)      // I
    cmp     x5, #(2 << 2)
    b.ne    5f
    msr     sctlr_el2, x6
    isb
    tlbi    alle2
    b       6f
5:  msr     sctlr_el1, x6
    isb
    tlbi    vmalle1
6:  dsb     sy
    ic      iallu
    dsb     sy
    isb
    msr     spsel, #1
    br      x4

    .section .bss.early_table, "aw", @nobits
    .balign 4096
    .global early_table
early_table:
    .skip   4096
    .global early_uart_table
early_uart_table:
    .skip   4096
