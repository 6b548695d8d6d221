// The instructions that the processor offers, and the check at start that this program can run on it. Instructions are
// the bits of CInstructionSet. This target is compiled for the baseline processor, whatever DNET_MARCH is.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Returns the instructions that this build was compiled for.
uint64_t dnet_compiled(void);

/// Returns the instructions that processor and operating system offer, or 0 if the processor is not x86-64.
uint64_t dnet_available(void);

/// Returns the instructions of `compiled` that are not `available`.
uint64_t dnet_missing(uint64_t compiled, uint64_t available);

/// Returns the name of the lowest instruction in `instructions`, such as AVX512F, or NULL for none.
const char *dnet_first_name(uint64_t instructions);

/// Returns the bit of a name, or 0 for an unknown one.
uint64_t dnet_instruction(const char *name);

/// Returns 2 for AVX-512 (F, DQ, BW, VL), 1 for AVX2 with FMA, 0 for less, and -1 if the processor is not x86-64.
int dnet_level(uint64_t instructions);

/// Writes the message of a program that cannot run here, at most `size` bytes including the final 0. Returns the length
/// of the text, which is 0 if nothing is missing.
size_t dnet_refusal(
    char *text, size_t size, const char *program, const char *machine, uint64_t compiled, uint64_t available);

/// Prefetches the cache line at `place` into the second-level cache. The address need not be valid.
static inline void dnet_fetch(const float *place) { __builtin_prefetch(place, 0, 2); }
