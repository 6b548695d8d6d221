// Only the digest interface: SHA-256 with the processor's own instructions where it has them.
#pragma once
#include <openssl/evp.h>
#include <openssl/crypto.h>
