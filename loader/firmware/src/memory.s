// memcpy, memmove and memset with 64-byte NEON loops. The compiler's own run at a sixth of the speed under emulation,
// where every instruction counts.

    .section .text.memory, "ax"
    .global memcpy
    .global memmove
    .balign 16
memcpy:
memmove:
    sub     x4, x0, x1
    cmp     x4, x2                  // dst inside [src, src + n): copy from the end
    b.lo    20f
    mov     x3, x0
    subs    x2, x2, #64
    b.lo    11f
10: ldp     q0, q1, [x1]
    ldp     q2, q3, [x1, #32]
    add     x1, x1, #64
    stp     q0, q1, [x3]
    stp     q2, q3, [x3, #32]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hs    10b
11: tbz     x2, #5, 12f             // x2 is n modulo 64 (less 64): its low bits say what is left
    ldp     q0, q1, [x1], #32
    stp     q0, q1, [x3], #32
12: tbz     x2, #4, 13f
    ldr     q0, [x1], #16
    str     q0, [x3], #16
13: tbz     x2, #3, 14f
    ldr     x4, [x1], #8
    str     x4, [x3], #8
14: tbz     x2, #2, 15f
    ldr     w4, [x1], #4
    str     w4, [x3], #4
15: tbz     x2, #1, 16f
    ldrh    w4, [x1], #2
    strh    w4, [x3], #2
16: tbz     x2, #0, 17f
    ldrb    w4, [x1]
    strb    w4, [x3]
17: ret

20: add     x1, x1, x2
    add     x3, x0, x2
    subs    x2, x2, #64
    b.lo    22f
21: ldp     q0, q1, [x1, #-32]
    ldp     q2, q3, [x1, #-64]
    sub     x1, x1, #64
    stp     q0, q1, [x3, #-32]
    stp     q2, q3, [x3, #-64]
    sub     x3, x3, #64
    subs    x2, x2, #64
    b.hs    21b
22: tbz     x2, #5, 23f
    ldp     q0, q1, [x1, #-32]!
    stp     q0, q1, [x3, #-32]!
23: tbz     x2, #4, 24f
    ldr     q0, [x1, #-16]!
    str     q0, [x3, #-16]!
24: tbz     x2, #3, 25f
    ldr     x4, [x1, #-8]!
    str     x4, [x3, #-8]!
25: tbz     x2, #2, 26f
    ldr     w4, [x1, #-4]!
    str     w4, [x3, #-4]!
26: tbz     x2, #1, 27f
    ldrh    w4, [x1, #-2]!
    strh    w4, [x3, #-2]!
27: tbz     x2, #0, 28f
    ldrb    w4, [x1, #-1]
    strb    w4, [x3, #-1]
28: ret

    .global memset
    .balign 16
memset:
    dup     v0.16b, w1
    mov     v1.16b, v0.16b
    mov     x3, x0
    subs    x2, x2, #64
    b.lo    31f
30: stp     q0, q1, [x3]
    stp     q0, q1, [x3, #32]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hs    30b
31: tbz     x2, #5, 32f
    stp     q0, q1, [x3], #32
32: tbz     x2, #4, 33f
    str     q0, [x3], #16
33: tbz     x2, #3, 34f
    str     d0, [x3], #8
34: tbz     x2, #2, 35f
    str     s0, [x3], #4
35: tbz     x2, #1, 36f
    str     h0, [x3], #2
36: tbz     x2, #0, 37f
    strb    w1, [x3]
37: ret
