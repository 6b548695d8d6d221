#pragma once
// mallopt and its parameters, which Foundation does not show to Swift.
#include <malloc.h>
