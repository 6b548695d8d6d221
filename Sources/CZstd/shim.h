// The streaming interface of zstd and its error names.
#pragma once
#include <zstd.h>
#include <zstd_errors.h>
