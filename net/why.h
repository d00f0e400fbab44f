/* The outcome of a libcurl transfer as one of our codes and as words a person can act on.
 *
 * Layer 1, inside net/. Threads: any; the handle's owner. */
#pragma once

#include <curl/curl.h>

#include "net/addr.h"

enum { WHY_SIZE = 256 };

/** What is known besides the handle. */
struct why_facts {
	const char *error;                       /**< Of CURLOPT_ERRORBUFFER. */
	const char *where;                       /**< What was called, as written. */
	const char *cert_setting;                /**< What names our own certificate. */
	const struct sockaddr *peer;             /**< Last address tried, or NULL. */
	uint32_t timeout_ms, connect_timeout_ms; /**< 0: none. */
};

SL_BEGIN_DECLS

/** 0 for CURLE_OK; else SL_E_TIMEOUT, SL_E_UNAVAILABLE, SL_E_PEER, SL_E_INVALID or
 * SL_E_NO_MEMORY, with `why` written. */
int why_of(CURL *easy, CURLcode code, const struct why_facts *facts, char why[WHY_SIZE]);

SL_END_DECLS
