#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "net/poll.h"

enum { EVENTS_MAX = 128, WATCHES_FIRST = 64 };

static uint32_t epoll_bits(int what)
{
	return (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
}

static int watch_set(struct poll *p, int fd, uint8_t set, bool add)
{
	struct epoll_event event = {.events = epoll_bits(set), .data.fd = fd};
	if (epoll_ctl(p->epoll_fd, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return add && errno == EEXIST ? epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, fd, &event) : -1;
}

static struct watch *watch_of(struct poll *p, int fd)
{
	return (size_t)fd < p->watch_count && p->watches[fd].open ? &p->watches[fd] : NULL;
}

/* libcurl names and forgets a kept connection's socket at every request. To save two system
 * calls each time, a socket of ours stays in the epoll for reading when libcurl lets go of
 * it, and is taken out by drop_idle() if it becomes readable meanwhile. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	struct poll *p = user;
	(void)easy;
	(void)socket_user;
	struct watch *w = watch_of(p, fd);
	uint8_t wanted = what == CURL_POLL_REMOVE ? 0 : (uint8_t)what;
	if (!w) { /* The resolver's: closed without our knowledge. */
		if (wanted)
			watch_set(p, fd, wanted, true);
		else
			epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	w->wanted = wanted;
	bool covered =
		(w->set & CURL_POLL_IN) && !(w->set & CURL_POLL_OUT) && !(wanted & CURL_POLL_OUT);
	if (w->set == wanted || covered)
		return 0;
	uint8_t set = wanted ? wanted : CURL_POLL_IN;
	if (watch_set(p, fd, set, w->set == 0) == 0)
		w->set = set;
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct poll *p = user;
	(void)multi;
	p->timer_us = timeout_ms < 0 ? -1 : clock_mono_us(&clock_system) + timeout_ms * 1000;
	return 0;
}

bool poll_opened(struct poll *p, int fd)
{
	size_t need = (size_t)fd + 1;
	if (need > p->watch_count) {
		size_t count = p->watch_count ? p->watch_count : WATCHES_FIRST;
		while (count < need)
			count *= 2;
		struct watch *more = reallocarray(p->watches, count, sizeof(*more));
		if (!more)
			return false;
		memset(more + p->watch_count, 0, (count - p->watch_count) * sizeof(*more));
		p->watches = more;
		p->watch_count = count;
	}
	p->watches[fd] = (struct watch){.open = true};
	return true;
}

void poll_closing(struct poll *p, int fd)
{
	struct watch *w = watch_of(p, fd);
	if (w)
		*w = (struct watch){0};
}

/* Something happened on a connection that nobody uses, or that nobody asked for. */
static void drop_idle(struct poll *p, struct watch *w, int fd)
{
	if (w->wanted && watch_set(p, fd, w->wanted, false) == 0) {
		w->set = w->wanted;
		return;
	}
	epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	w->set = 0;
}

static void on_event(struct poll *p, CURLM *multi, int fd, uint32_t events)
{
	int bits = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0),
	    running;
	struct watch *w = watch_of(p, fd);
	if (w && (w->wanted == 0 || (!(bits & CURL_CSELECT_ERR) && !(bits & w->wanted))))
		drop_idle(p, w, fd);
	else
		curl_multi_socket_action(multi, fd, bits, &running);
}

static void clear_wake(struct poll *p)
{
	uint64_t count;
	if (read(p->wake_fd, &count, sizeof(count)) < 0)
		return;
	(void)__atomic_exchange_n(&p->woken, false, __ATOMIC_ACQ_REL);
}

void poll_run_timer(struct poll *p, CURLM *multi)
{
	int running;
	if (p->timer_us < 0 || p->timer_us > clock_mono_us(&clock_system))
		return;
	p->timer_us = -1; /* One shot: libcurl asks anew for the next. */
	curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int sleep_ms(const struct poll *p, uint32_t wait_ms)
{
	if (wait_ms > INT32_MAX)
		wait_ms = INT32_MAX;
	if (p->timer_us < 0 || wait_ms == 0)
		return (int)wait_ms;
	int64_t left = (p->timer_us - clock_mono_us(&clock_system) + 999) / 1000;
	return left <= 0 ? 0 : left < (int64_t)wait_ms ? (int)left : (int)wait_ms;
}

int poll_run(struct poll *p, CURLM *multi, uint32_t wait_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(p->epoll_fd, events, EVENTS_MAX, sleep_ms(p, wait_ms));
	if (n < 0)
		return errno == EINTR ? 0 : SL_E_IO;
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == p->wake_fd)
			clear_wake(p);
		else
			on_event(p, multi, events[i].data.fd, events[i].events);
	}
	poll_run_timer(p, multi);
	return 0;
}

void poll_wake(struct poll *p)
{
	static const uint64_t one = 1;
	if (__atomic_exchange_n(&p->woken, true, __ATOMIC_ACQ_REL))
		return;
	while (write(p->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

int poll_init(struct poll *p, CURLM *multi)
{
	*p = (struct poll){.epoll_fd = -1, .wake_fd = -1, .timer_us = -1};
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epoll_fd < 0 || p->wake_fd < 0 || watch_set(p, p->wake_fd, CURL_POLL_IN, true) != 0)
		return SL_E_IO;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, p);
	return 0;
}

void poll_fini(struct poll *p)
{
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	free(p->watches);
	*p = (struct poll){.epoll_fd = -1, .wake_fd = -1, .timer_us = -1};
}
