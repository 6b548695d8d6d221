#pragma once
#include <cblas.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/// 1 where the code is compiled for 32 vector registers of 16 floats (AVX-512), else 0. Swift cannot ask the compiler.
#if defined(__AVX512F__)
#define DNET_WIDE_VECTORS 1
#else
#define DNET_WIDE_VECTORS 0
#endif

/// The vector instructions that processor and operating system offer, as far as OpenBLAS tells them apart:
/// 2 = AVX-512 (F, DQ, BW, VL), 1 = AVX2 with FMA, 0 = less, -1 = not an x86-64 processor.
static inline int dnet_vector_level(void) {
#if defined(__x86_64__)
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const int fma = (c >> 12) & 1, osxsave = (c >> 27) & 1, avx = (c >> 28) & 1;
  if (!fma || !osxsave || !avx) return 0;
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 0x06) != 0x06) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  if (!((b >> 5) & 1)) return 0;
  const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  return (b & avx512) == avx512 && (low & 0xe0) == 0xe0 ? 2 : 1;
#else
  return -1;
#endif
}
