// What the processor offers, and the check at start that this program can run on it. Instructions are the bits of
// CInstructionSet. Built for the plainest processor, whatever DNET_MARCH says.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// What this build was compiled for.
uint64_t dnet_compiled(void);

/// What processor and operating system offer; 0 where the processor is not x86-64.
uint64_t dnet_available(void);

/// Those of `compiled` that are not `available`.
uint64_t dnet_missing(uint64_t compiled, uint64_t available);

/// Name of the lowest instruction in `instructions`, such as AVX512F; NULL for none.
const char *dnet_first_name(uint64_t instructions);

/// The bit of a name; 0 for an unknown one.
uint64_t dnet_instruction(const char *name);

/// 2 = AVX-512 (F, DQ, BW, VL), 1 = AVX2 with FMA, 0 = less; -1 where the processor is not x86-64.
int dnet_level(uint64_t instructions);

/// What is said before a program ends that cannot run here: writes at most `size` bytes with the final 0 and returns the
/// text's length, 0 where nothing is missing.
size_t dnet_refusal(
    char *text, size_t size, const char *program, const char *machine, uint64_t compiled, uint64_t available);

/// Asks for the cache line at `place` in the second cache; any address will do.
static inline void dnet_fetch(const float *place) { __builtin_prefetch(place, 0, 2); }
