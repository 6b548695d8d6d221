// The check at start: a program that was compiled for more than the processor has says so, where it would otherwise die of
// an illegal instruction in some innocent place.
//
// It is a constructor, so it runs before main and with it before any Swift; the system's libraries, which run earlier,
// choose their instructions when they are loaded.
#define _GNU_SOURCE
#include "CProcessor.h"
#include <errno.h>
#include <unistd.h>

#if defined(__x86_64__)
__attribute__((constructor(101))) static void refuse_lesser_processors(void) {
  char text[1024], machine[256] = "this machine";
  if (!dnet_missing(dnet_compiled(), dnet_available())) return;
  gethostname(machine, sizeof machine - 1);
  size_t length = dnet_refusal(text, sizeof text, program_invocation_short_name, machine, dnet_compiled(), dnet_available());
  ssize_t written = write(STDERR_FILENO, text, length);
  (void)written;
  _exit(1);
}
#endif
