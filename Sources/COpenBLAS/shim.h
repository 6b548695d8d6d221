#pragma once
#include <cblas.h>

/// 1 where the code is compiled for 32 vector registers of 16 floats (AVX-512), else 0. Swift cannot ask the compiler.
#if defined(__AVX512F__)
#define DNET_WIDE_VECTORS 1
#else
#define DNET_WIDE_VECTORS 0
#endif
