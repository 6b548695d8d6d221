// The check at start: a program that was compiled for more than the processor has ends with a message, where it would
// otherwise end with an illegal instruction at an arbitrary place.
//
// It is a constructor, so it runs before main and before any Swift code. The system's libraries run earlier, but choose
// their instructions when they are loaded.
#define _GNU_SOURCE
#include "CProcessor.h"
#include <errno.h>
#include <unistd.h>

#if defined(__x86_64__)
__attribute__((constructor(101))) static void refuse_lesser_processors(void) {
  char text[1024], machine[256] = "this machine";
  uint64_t compiled = dnet_compiled(), available = dnet_available();
  if (!dnet_missing(compiled, available)) return;
  gethostname(machine, sizeof machine - 1);
  size_t length = dnet_refusal(text, sizeof text, program_invocation_short_name, machine, compiled, available);
  ssize_t written = write(STDERR_FILENO, text, length);
  (void)written;
  _exit(1);
}
#endif
