/* The TLS library, where Debian's HTTP library looks for it.
 *
 * Debian 12's civetweb opens "libssl.so" and "libcrypto.so" by itself, names that only the
 * packages for developers bring, and asks in them for SSL_get_peer_certificate(), which
 * OpenSSL 3 has under another name only: its TLS never starts. So this program answers in
 * the loader's place: it gives the library what it is linked with itself, and the missing
 * function. Nothing else that is opened is touched. Why: doc/adr/0015.
 *
 * Layer 3. Any thread. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** Does nothing, but a program that calls it holds the answers above. */
void tls_library_needed(void);

SL_END_DECLS
