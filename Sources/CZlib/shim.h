// A shim over zlib for its gz functions, which read compressed and plain files alike.
#pragma once
#include <zlib.h>
