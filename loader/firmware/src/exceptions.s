// The vector table (Arm ARM D1.4.1): sixteen entries of 128 bytes. Each saves what the handler shows and calls it.
// The loader runs on SP_EL0, so the handlers have a stack (SP_ELx) that is good even when the main stack overflowed.

    .macro  vector kind
    .balign 128
    sub     sp, sp, #288
    stp     x0, x1, [sp]
    mov     x0, #\kind
    b       save_and_handle
    .endm

    .section .text.vectors, "ax"
    .balign 2048
    .global vectors
vectors:
    .altmacro
    .set    kind, 0
    .rept   16
    vector  %kind
    .set    kind, kind + 1
    .endr

save_and_handle:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x2, sp_el0
    stp     x30, x2, [sp, #240]
    mrs     x3, currentel
    cmp     x3, #(2 << 2)
    b.ne    1f
    mrs     x4, elr_el2
    mrs     x5, esr_el2
    mrs     x6, far_el2
    b       2f
1:  mrs     x4, elr_el1
    mrs     x5, esr_el1
    mrs     x6, far_el1
2:  stp     x4, x5, [sp, #256]
    str     x6, [sp, #272]
    mov     x1, x0
    mov     x0, sp
    bl      handle_exception        // comes back only for a bus access that may fault, with ELR set behind it
    ldp     x4, x5, [sp, #256]
    mrs     x3, currentel
    cmp     x3, #(2 << 2)
    b.ne    3f
    msr     elr_el2, x4
    b       4f
3:  msr     elr_el1, x4
4:  ldp     x30, x2, [sp, #240]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldp     x0, x1, [sp]
    add     sp, sp, #288
    eret

// Bus accesses that may fault: fn bus_load_N(address) -> { value: x0, syndrome: x1 }, fn bus_store_N(address, value) ->
// { _, syndrome }. Leaf functions: the handler makes a faulting one return at once with the syndrome in x1.
    .section .text.bus, "ax"
    .global bus_access_start
    .global bus_access_end
    // SErrors are let in for the time of the access: a store to nowhere may end in one (Arm ARM D1.3.1), and whoever is
    // started next would get it.
    .macro  guarded instruction, register
    dsb     sy
    msr     daifclr, #4
    \instruction \register, [x2]
    dsb     sy
    isb
    msr     daifset, #4
    ret
    .endm
    .macro  load name, instruction, register
    .global \name
\name:
    mov     x2, x0
    mov     x1, xzr
    guarded \instruction, \register
    .endm
    .macro  store name, instruction, register
    .global \name
\name:
    mov     x2, x0
    mov     x3, x1
    mov     x1, xzr
    guarded \instruction, \register
    .endm
bus_access_start:
    // fn bus_settle() -> { _, syndrome }: takes the SError that an earlier stage left pending, if there is one. The first access would get it.
    .global bus_settle
bus_settle:
    mov     x1, xzr
    dsb     sy
    msr     daifclr, #4
    isb
    msr     daifset, #4
    ret
    load    bus_load_8, ldrb, w0
    load    bus_load_16, ldrh, w0
    load    bus_load_32, ldr, w0
    load    bus_load_64, ldr, x0
    store   bus_store_8, strb, w3
    store   bus_store_16, strh, w3
    store   bus_store_32, str, w3
    store   bus_store_64, str, x3
bus_access_end:
    .global bus_access_failed
bus_access_failed:
    msr     daifset, #4
    ret
