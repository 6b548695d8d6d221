// The C interface of OpenBLAS, and the width of the vectors that the code is compiled for.
#pragma once
#include <cblas.h>

/// 1 if the code is compiled for 32 vector registers of 16 floats (AVX-512), else 0. Swift has no such condition.
#if defined(__AVX512F__)
#define DNET_WIDE_VECTORS 1
#else
#define DNET_WIDE_VECTORS 0
#endif
