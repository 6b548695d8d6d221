// What the compiler was told of the processor. Swift has no condition for vector instructions; C's macros know them.
#pragma once

/// The vector instructions that this program was compiled for, in the levels of `dnet_vector_level` (COpenBLAS):
/// 2 = AVX-512 (F, DQ, BW, VL), 1 = AVX2 with FMA, 0 = less, -1 = not an x86-64 processor.
static inline int dnet_compiled_vector_level(void) {
#if !defined(__x86_64__)
  return -1;
#elif defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
  return 2;
#elif defined(__AVX2__) && defined(__FMA__)
  return 1;
#else
  return 0;
#endif
}

/// Asks for the cache line at `place` in the second cache; any address will do.
static inline void dnet_fetch(const float *place) { __builtin_prefetch(place, 0, 2); }
