// The instructions that the compiler may use by itself, as a set of bits.
#pragma once
#include <stdint.h>

// One bit for each group of instructions that compilers emit by themselves. Processors other than x86-64 have none.
#define DNET_SSE3 (1ull << 0)
#define DNET_SSSE3 (1ull << 1)
#define DNET_SSE41 (1ull << 2)
#define DNET_SSE42 (1ull << 3)
#define DNET_POPCNT (1ull << 4)
#define DNET_CX16 (1ull << 5)
#define DNET_LAHF (1ull << 6)
#define DNET_AVX (1ull << 7)
#define DNET_AVX2 (1ull << 8)
#define DNET_FMA (1ull << 9)
#define DNET_F16C (1ull << 10)
#define DNET_BMI (1ull << 11)
#define DNET_BMI2 (1ull << 12)
#define DNET_LZCNT (1ull << 13)
#define DNET_MOVBE (1ull << 14)
#define DNET_GFNI (1ull << 15)
#define DNET_AVXVNNI (1ull << 16)
#define DNET_AVX512F (1ull << 17)
#define DNET_AVX512CD (1ull << 18)
#define DNET_AVX512BW (1ull << 19)
#define DNET_AVX512DQ (1ull << 20)
#define DNET_AVX512VL (1ull << 21)
#define DNET_AVX512IFMA (1ull << 22)
#define DNET_AVX512VBMI (1ull << 23)
#define DNET_AVX512VBMI2 (1ull << 24)
#define DNET_AVX512VNNI (1ull << 25)
#define DNET_AVX512BITALG (1ull << 26)
#define DNET_AVX512VPOPCNTDQ (1ull << 27)
#define DNET_AVX512BF16 (1ull << 28)
#define DNET_AVX512FP16 (1ull << 29)
#define DNET_FMA4 (1ull << 30)
#define DNET_XOP (1ull << 31)
#define DNET_TBM (1ull << 32)

/// The instructions that this build was compiled for. Reading this constant needs none of them.
extern const uint64_t dnet_compiled_instructions;
