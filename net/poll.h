/* libcurl's sockets and its one timer on an epoll of ours, with an eventfd to be woken by.
 *
 * Layer 1, inside net/. Threads: the loop's only, but for poll_wake(). Errors: SL_E_IO. */
#pragma once

#include <curl/curl.h>

#include "core/base/err.h"

/** What the epoll knows of a descriptor; `open` ones were made by our open-socket hook. */
struct watch {
	bool open;
	uint8_t wanted, set;
};

struct poll {
	int epoll_fd, wake_fd;
	int64_t timer_us;      /**< Monotonic; -1: none. */
	struct watch *watches; /**< By descriptor. */
	size_t watch_count;
	bool woken; /**< Any thread; with __atomic only. */
};

SL_BEGIN_DECLS

SL_MUST_USE int poll_init(struct poll *p, CURLM *multi);
void poll_fini(struct poll *p);
int poll_run(struct poll *p, CURLM *multi, uint32_t wait_ms);
void poll_run_timer(struct poll *p, CURLM *multi);
void poll_wake(struct poll *p);
bool poll_opened(struct poll *p, int fd); /**< false: no memory. */
void poll_closing(struct poll *p, int fd);

SL_END_DECLS
