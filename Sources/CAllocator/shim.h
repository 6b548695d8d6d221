// mallopt and its parameters, which Foundation does not make available to Swift.
#pragma once
#include <malloc.h>
