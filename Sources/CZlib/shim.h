// zlib's gz files, which it reads like plain files, compressed or not.
#pragma once
#include <zlib.h>
