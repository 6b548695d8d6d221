// The streaming interface of zstd, and the names of its errors.
#pragma once
#include <zstd.h>
#include <zstd_errors.h>
