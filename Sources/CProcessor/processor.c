// Detection of instructions by CPUID and XGETBV (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).
#include "CProcessor.h"
#include "CInstructionSet.h"
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { A, B, C, D };

/// The registers that the operating system must save before the instructions can be used.
enum { PLAIN, AVX_STATE, AVX512_STATE };

struct instruction {
  uint64_t bit;
  const char *name;
  unsigned leaf, subleaf, place, shift, state;
};

static const struct instruction instructions[] = {
  {DNET_SSE3, "SSE3", 1, 0, C, 0, PLAIN},
  {DNET_SSSE3, "SSSE3", 1, 0, C, 9, PLAIN},
  {DNET_SSE41, "SSE4.1", 1, 0, C, 19, PLAIN},
  {DNET_SSE42, "SSE4.2", 1, 0, C, 20, PLAIN},
  {DNET_POPCNT, "POPCNT", 1, 0, C, 23, PLAIN},
  {DNET_CX16, "CMPXCHG16B", 1, 0, C, 13, PLAIN},
  {DNET_LAHF, "LAHF", 0x80000001, 0, C, 0, PLAIN},
  {DNET_AVX, "AVX", 1, 0, C, 28, AVX_STATE},
  {DNET_AVX2, "AVX2", 7, 0, B, 5, AVX_STATE},
  {DNET_FMA, "FMA", 1, 0, C, 12, AVX_STATE},
  {DNET_F16C, "F16C", 1, 0, C, 29, AVX_STATE},
  {DNET_BMI, "BMI", 7, 0, B, 3, PLAIN},
  {DNET_BMI2, "BMI2", 7, 0, B, 8, PLAIN},
  {DNET_LZCNT, "LZCNT", 0x80000001, 0, C, 5, PLAIN},
  {DNET_MOVBE, "MOVBE", 1, 0, C, 22, PLAIN},
  {DNET_GFNI, "GFNI", 7, 0, C, 8, PLAIN},
  {DNET_AVXVNNI, "AVX-VNNI", 7, 1, A, 4, AVX_STATE},
  {DNET_AVX512F, "AVX512F", 7, 0, B, 16, AVX512_STATE},
  {DNET_AVX512CD, "AVX512CD", 7, 0, B, 28, AVX512_STATE},
  {DNET_AVX512BW, "AVX512BW", 7, 0, B, 30, AVX512_STATE},
  {DNET_AVX512DQ, "AVX512DQ", 7, 0, B, 17, AVX512_STATE},
  {DNET_AVX512VL, "AVX512VL", 7, 0, B, 31, AVX512_STATE},
  {DNET_AVX512IFMA, "AVX512IFMA", 7, 0, B, 21, AVX512_STATE},
  {DNET_AVX512VBMI, "AVX512VBMI", 7, 0, C, 1, AVX512_STATE},
  {DNET_AVX512VBMI2, "AVX512VBMI2", 7, 0, C, 6, AVX512_STATE},
  {DNET_AVX512VNNI, "AVX512VNNI", 7, 0, C, 11, AVX512_STATE},
  {DNET_AVX512BITALG, "AVX512BITALG", 7, 0, C, 12, AVX512_STATE},
  {DNET_AVX512VPOPCNTDQ, "AVX512VPOPCNTDQ", 7, 0, C, 14, AVX512_STATE},
  {DNET_AVX512BF16, "AVX512BF16", 7, 1, A, 5, AVX512_STATE},
  {DNET_AVX512FP16, "AVX512FP16", 7, 0, D, 23, AVX512_STATE},
  {DNET_FMA4, "FMA4", 0x80000001, 0, C, 16, AVX_STATE},
  {DNET_XOP, "XOP", 0x80000001, 0, C, 11, AVX_STATE},
  {DNET_TBM, "TBM", 0x80000001, 0, C, 21, PLAIN},
};

enum { count = sizeof instructions / sizeof instructions[0] };

uint64_t dnet_compiled(void) { return dnet_compiled_instructions; }

uint64_t dnet_available(void) {
  uint64_t available = 0;
#if defined(__x86_64__)
  unsigned r[4] = {0, 0, 0, 0}, low = 0, high;
  if (__get_cpuid(1, &r[A], &r[B], &r[C], &r[D]) && (r[C] >> 27 & 1)) {
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  }
  const unsigned wanted[] = {0, 0x06, 0xe6};
  for (int i = 0; i < count; i++) {
    const struct instruction *one = &instructions[i];
    if ((low & wanted[one->state]) != wanted[one->state]) continue;
    if (!__get_cpuid_count(one->leaf, 0, &r[A], &r[B], &r[C], &r[D])) continue;
    // Subleaf 0 of leaf 7 returns the number of subleaves in eax.
    if (one->subleaf > 0) {
      if (r[A] < one->subleaf) continue;
      if (!__get_cpuid_count(one->leaf, one->subleaf, &r[A], &r[B], &r[C], &r[D])) continue;
    }
    if (r[one->place] >> one->shift & 1) available |= one->bit;
  }
#endif
  return available;
}

uint64_t dnet_missing(uint64_t compiled, uint64_t available) { return compiled & ~available; }

const char *dnet_first_name(uint64_t set) {
  for (int i = 0; i < count; i++) {
    if (set & instructions[i].bit) return instructions[i].name;
  }
  return NULL;
}

uint64_t dnet_instruction(const char *name) {
  for (int i = 0; i < count; i++) {
    if (!strcmp(name, instructions[i].name)) return instructions[i].bit;
  }
  return 0;
}

static int has(uint64_t set, uint64_t wanted) { return (set & wanted) == wanted; }

static const uint64_t avx2 = DNET_AVX2 | DNET_FMA;
static const uint64_t avx512 = DNET_AVX512F | DNET_AVX512DQ | DNET_AVX512BW | DNET_AVX512VL;

int dnet_level(uint64_t set) {
#if defined(__x86_64__)
  return !has(set, avx2) ? 0 : has(set, avx512) ? 2 : 1;
#else
  (void)set;
  return -1;
#endif
}

/// Returns the highest x86-64 level (x86-64 psABI) that the processor has.
static const char *march(uint64_t available) {
  const uint64_t v2 = DNET_SSE3 | DNET_SSSE3 | DNET_SSE41 | DNET_SSE42 | DNET_POPCNT | DNET_CX16 | DNET_LAHF;
  const uint64_t v3 = v2 | avx2 | DNET_AVX | DNET_F16C | DNET_BMI | DNET_BMI2 | DNET_LZCNT | DNET_MOVBE;
  const uint64_t v4 = v3 | avx512 | DNET_AVX512CD;
  if (has(available, v4)) return "x86-64-v4";
  if (has(available, v3)) return "x86-64-v3";
  return has(available, v2) ? "x86-64-v2" : "x86-64";
}

size_t dnet_refusal(
    char *text, size_t size, const char *program, const char *machine, uint64_t compiled, uint64_t available) {
  uint64_t missing = dnet_missing(compiled, available);
  if (!missing || !size) return 0;
  char names[512] = "";
  size_t used = 0;
  for (const char *name; missing && (name = dnet_first_name(missing)); missing &= ~dnet_instruction(name)) {
    int length = snprintf(names + used, sizeof names - used, used ? ", %s" : "%s", name);
    if (length < 0 || (size_t)length >= sizeof names - used) break;
    used += (size_t)length;
  }
  int length = snprintf(
      text, size,
      "%s: compiled for instructions that the processor of %s does not have: %s\n"
      "Build it for what all machines of a run have: DNET_MARCH=%s Launch/setup, or DNET_MARCH=native for this one "
      "alone%s\n",
      program, machine, names, march(available),
      has(available, avx2) ? "" : " (without AVX2 and FMA training is many times slower)");
  return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}
