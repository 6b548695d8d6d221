// The instructions of the -march of all Swift targets. It is data only, because the check at start must run no such
// code.
#include "CInstructionSet.h"

const uint64_t dnet_compiled_instructions = 0
#if defined(__x86_64__)
#if defined(__SSE3__)
  | DNET_SSE3
#endif
#if defined(__SSSE3__)
  | DNET_SSSE3
#endif
#if defined(__SSE4_1__)
  | DNET_SSE41
#endif
#if defined(__SSE4_2__)
  | DNET_SSE42
#endif
#if defined(__POPCNT__)
  | DNET_POPCNT
#endif
#if defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)
  | DNET_CX16
#endif
#if defined(__LAHF_SAHF__)
  | DNET_LAHF
#endif
#if defined(__AVX__)
  | DNET_AVX
#endif
#if defined(__AVX2__)
  | DNET_AVX2
#endif
#if defined(__FMA__)
  | DNET_FMA
#endif
#if defined(__F16C__)
  | DNET_F16C
#endif
#if defined(__BMI__)
  | DNET_BMI
#endif
#if defined(__BMI2__)
  | DNET_BMI2
#endif
#if defined(__LZCNT__)
  | DNET_LZCNT
#endif
#if defined(__MOVBE__)
  | DNET_MOVBE
#endif
#if defined(__GFNI__)
  | DNET_GFNI
#endif
#if defined(__AVXVNNI__)
  | DNET_AVXVNNI
#endif
#if defined(__AVX512F__)
  | DNET_AVX512F
#endif
#if defined(__AVX512CD__)
  | DNET_AVX512CD
#endif
#if defined(__AVX512BW__)
  | DNET_AVX512BW
#endif
#if defined(__AVX512DQ__)
  | DNET_AVX512DQ
#endif
#if defined(__AVX512VL__)
  | DNET_AVX512VL
#endif
#if defined(__AVX512IFMA__)
  | DNET_AVX512IFMA
#endif
#if defined(__AVX512VBMI__)
  | DNET_AVX512VBMI
#endif
#if defined(__AVX512VBMI2__)
  | DNET_AVX512VBMI2
#endif
#if defined(__AVX512VNNI__)
  | DNET_AVX512VNNI
#endif
#if defined(__AVX512BITALG__)
  | DNET_AVX512BITALG
#endif
#if defined(__AVX512VPOPCNTDQ__)
  | DNET_AVX512VPOPCNTDQ
#endif
#if defined(__AVX512BF16__)
  | DNET_AVX512BF16
#endif
#if defined(__AVX512FP16__)
  | DNET_AVX512FP16
#endif
#if defined(__FMA4__)
  | DNET_FMA4
#endif
#if defined(__XOP__)
  | DNET_XOP
#endif
#if defined(__TBM__)
  | DNET_TBM
#endif
#endif
  ;
