// The digest interface of libcrypto, whose SHA-256 uses the processor's instructions for it.
#pragma once
#include <openssl/evp.h>
#include <openssl/crypto.h>
