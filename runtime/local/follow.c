#include "core/base/clock.h"
#include "core/base/crash.h"
#include "runtime/local/internal.h"
#include "runtime/local/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { FORGET_AT_ONCE = 64, AGAIN_MS = 1000, TRIES_MAX = 600 };

static void find_again(struct local *l, const struct replica_name *name, bool stop);

struct order *order_free(struct order *o)
{
	if (!o)
		return NULL;
	for (size_t i = 0; i < o->starts; i++) {
		plan_body_unref(o->start[i].body);
		free(o->start[i].head);
	}
	free(o->start);
	free(o);
	return NULL;
}

/* ---- reports ---- */

void follow_report(struct local *l, const struct engine_report *report)
{
	l->hooks.report(l->hooks.user, report);
}

static void report_started(struct local *l, const struct attempt *a)
{
	struct engine_report r = {.name = a->name,
				  .change = REPLICA_STARTED,
				  .exit = {.started_ms = a->started_ms},
				  .reason = "Started",
				  .pid = a->pid,
				  .site = {.ip = "127.0.0.1", .host_ip = "127.0.0.1"}};
	if (a->pid)
		snprintf(r.site.container, sizeof(r.site.container), "process://%d", (int)a->pid);
	snprintf(r.message, sizeof(r.message), "%s", l->lacks);
	follow_report(l, &r);
}

static void report_ended(struct local *l, const struct replica_name *name, const struct outcome *o,
			 int32_t pid)
{
	struct engine_report r = {.name = *name,
				  .change = REPLICA_ENDED,
				  .exit = {.code = o->code,
					   .signal = o->signal,
					   .started_ms = o->started_ms,
					   .finished_ms = o->finished_ms},
				  .reason = outcome_reason_name(o->reason),
				  .pid = pid};
	snprintf(r.message, sizeof(r.message), "%s", o->message);
	follow_report(l, &r);
}

static void report_lost(struct local *l, const struct replica_name *name, const char *why)
{
	struct engine_report r = {.name = *name, .change = REPLICA_LOST, .reason = "Lost"};
	snprintf(r.message, sizeof(r.message), "%s", why);
	follow_report(l, &r);
}

/** Out of the epoll set first: the spawner may still hold the same open file. */
static void unwatch(struct local *l, int *fd)
{
	if (*fd < 0)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

static void drop(struct local *l, struct attempt *a)
{
	queue_release(&l->queue, a->slots);
	queue_leave(&l->queue, a);
	unwatch(l, &a->pidfd);
	unwatch(l, &a->notice);
	link_forget(l, a);
	attempts_remove(&l->attempts, a);
}

/* ---- ends ---- */

void follow_failed(struct local *l, struct attempt *a, const char *why)
{
	struct replica_name name = a->name;
	struct outcome o = {.code = 126, .reason = OUTCOME_START_ERROR};
	o.finished_ms = clock_wall_ms(&clock_system);
	snprintf(o.message, sizeof(o.message), "%s", why);
	drop(l, a);
	report_ended(l, &name, &o, 0);
}

void follow_refused(struct local *l, const struct replica_name *name)
{
	struct outcome o = {.code = 126, .reason = OUTCOME_START_ERROR};
	o.finished_ms = clock_wall_ms(&clock_system);
	snprintf(o.message, sizeof(o.message), "too many replicas, or no memory");
	report_ended(l, name, &o, 0);
}

void follow_lost(struct local *l, struct attempt *a)
{
	struct replica_name name = a->name;
	drop(l, a);
	report_lost(l, &name, "its supervisor ended without an outcome");
}

/** SL_E_IO: not now; anything else: there is none. */
static int read_outcome(const struct local *l, const struct replica_name *name, struct outcome *ret)
{
	int dir = rundir_open(l->data, name);
	if (dir < 0)
		return errno == ENOENT ? SL_E_NOT_FOUND : SL_E_IO;
	int rc = outcome_read(dir, ret);
	close(dir);
	return rc;
}

/** Its supervisor is gone: with an outcome, or without one. */
static void conclude(struct local *l, struct attempt *a)
{
	struct outcome o;
	struct replica_name name = a->name;
	int32_t pid = a->pid;
	int rc = read_outcome(l, &name, &o);
	if (rc == 0) {
		drop(l, a);
		crash_at(CRASH_LOCAL_ENDED);
		report_ended(l, &name, &o, pid);
		crash_at(CRASH_LOCAL_REPORTED);
		return;
	}
	if (rc == SL_E_IO) {
		drop(l, a);
		find_again(l, &name, false);
		return;
	}
	unwatch(l, &a->pidfd);
	link_forget(l, a);
	a->state = ATTEMPT_SWEEPING;
	link_line_up(l, a);
}

/* ---- events of one attempt ---- */

static bool watch(struct local *l, int fd, struct watch *w)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = w};
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

void follow_begin(struct local *l, struct attempt *a, int pidfd, int notice)
{
	a->state = ATTEMPT_FOLLOWED;
	a->pidfd = pidfd;
	a->notice = notice;
	bool watched = watch(l, pidfd, &a->on_pidfd);
	if (notice >= 0)
		watched &= watch(l, notice, &a->on_notice);
	if (!watched) {
		/* Out of kernel memory: what cannot be followed must not go on unseen. */
		a->state = ATTEMPT_SWEEPING;
		link_line_up(l, a);
	}
}

/** What the supervisor says. False: the attempt is no more. */
static bool take_notice(struct local *l, struct attempt *a)
{
	struct notice n;
	struct replica_name name = a->name;
	bool stop = a->want_stop;
	ssize_t got = a->notice < 0 ? -1 : read(a->notice, &n, sizeof(n));
	if (a->notice < 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return true;
	if (got != sizeof(n)) {
		unwatch(l, &a->notice);
		return true;
	}
	switch ((enum notice_kind)n.kind) {
	case NOTICE_STARTED:
		a->seen_started = true;
		a->pid = n.pid;
		a->started_ms = n.ms;
		if (stop)
			link_line_up(l, a);
		crash_at(CRASH_LOCAL_STARTED);
		report_started(l, a);
		return true;
	case NOTICE_EXISTS:
		drop(l, a);
		find_again(l, &name, stop);
		return false;
	case NOTICE_ENDED:
		conclude(l, a);
		return false;
	case NOTICE_FAILED:
		n.text[sizeof(n.text) - 1] = 0;
		follow_failed(l, a, n.text);
		return false;
	}
	return true;
}

/* ---- what was there before ---- */

/** Nobody holds it. False: it could not be found out. */
static bool adopt_ended(struct local *l, const struct replica_name *name, int dir)
{
	struct outcome o;
	struct attempt *a;
	int rc = outcome_read(dir, &o);
	if (rc == SL_E_IO)
		return false;
	if (rc == 0) {
		report_ended(l, name, &o, 0);
	} else if (!rundir_same_boot(dir)) {
		report_lost(l, name, "the machine was started anew while it ran");
	} else if (attempts_add(&l->attempts, name, &a) == 0) {
		a->state = ATTEMPT_SWEEPING;
		link_line_up(l, a);
	} else {
		return false;
	}
	return true;
}

static bool adopt_running(struct local *l, const struct replica_name *name, int dir, int pidfd,
			  bool stop)
{
	struct attempt *a;
	struct started s = {.slots = 1};
	if (attempts_add(&l->attempts, name, &a)) {
		close(pidfd);
		return false;
	}
	if (started_read(dir, &s))
		s.slots = 1; /* it is about to start */
	a->slots = s.slots < l->config.slots ? s.slots : l->config.slots;
	queue_hold(&l->queue, a->slots);
	a->pid = s.pid;
	a->started_ms = s.ms;
	a->seen_started = true;
	a->want_stop = stop;
	report_started(l, a);
	follow_begin(l, a, pidfd, -1);
	if (stop)
		link_line_up(l, a);
	return true;
}

/** An attempt that has a run directory: find out how it stands, and say so. False: that is
 * not possible just now. */
static bool adopt(struct local *l, const struct replica_name *name, bool stop)
{
	int dir = rundir_open(l->data, name), pidfd = -1;
	if (dir < 0 && errno != ENOENT)
		return false;
	if (dir < 0) {
		report_lost(l, name, "its run directory is gone");
		return true;
	}
	int holder = rundir_holder(dir, &pidfd);
	bool done = holder > 0    ? adopt_running(l, name, dir, pidfd, stop)
		    : holder == 0 ? adopt_ended(l, name, dir)
				  : false;
	close(dir);
	return done;
}

/** As adopt(); what cannot be found out now (no free descriptor, no memory) is tried again
 * later, and not taken for an end. */
static void find_again(struct local *l, const struct replica_name *name, bool stop)
{
	struct order *o = adopt(l, name, stop) ? NULL : calloc(1, sizeof(*o));
	if (!o)
		return;
	*o = (struct order){.kind = ORDER_RECOVER, .name = *name, .stop = stop};
	if (list_empty(&l->again))
		l->again_at_ms = clock_mono_ms(&clock_system) + AGAIN_MS;
	list_push(&l->again, &o->link);
}

static void try_again(struct local *l)
{
	struct list line;
	list_init(&line);
	l->again_at_ms = clock_mono_ms(&clock_system) + AGAIN_MS;
	for (struct list *at; (at = list_pop(&l->again));)
		list_push(&line, at);
	for (struct list *at; (at = list_pop(&line));) {
		struct order *o = container_of(at, struct order, link);
		bool known = attempts_find(&l->attempts, &o->name);
		if (!known && !adopt(l, &o->name, o->stop) && ++o->tries < TRIES_MAX) {
			list_push(&l->again, &o->link);
			continue;
		}
		if (o->tries >= TRIES_MAX)
			report_lost(l, &o->name, "its run directory cannot be read");
		order_free(o);
	}
}

static bool has_rundir(const struct local *l, const struct replica_name *name)
{
	char path[RUNDIR_PATH_SIZE];
	return faccessat(l->data, rundir_path(name, path), F_OK, 0) == 0;
}

/* ---- orders ---- */

bool follow_known(struct local *l, const struct replica_name *name)
{
	struct attempt *a = attempts_find(&l->attempts, name);
	if (a && a->seen_started)
		report_started(l, a);
	if (a || !has_rundir(l, name))
		return a;
	find_again(l, name, false);
	return true;
}

static void stop_waiting(struct local *l, struct attempt *a, const struct replica_name *name)
{
	struct outcome o = {.code = 128 + SIGTERM, .signal = SIGTERM, .reason = OUTCOME_STOPPED};
	o.finished_ms = clock_wall_ms(&clock_system);
	snprintf(o.message, sizeof(o.message), "stopped while it waited for a slot");
	drop(l, a);
	report_ended(l, name, &o, 0);
}

/** It may be one of those that could not be found again yet. */
static void stop_when_found(struct local *l, const struct replica_name *name)
{
	for (struct list *at = l->again.next; at != &l->again; at = at->next) {
		struct order *o = container_of(at, struct order, link);
		o->stop |= attempts_same(&o->name, name);
	}
}

static void order_stop(struct local *l, const struct replica_name *name)
{
	crash_at(CRASH_LOCAL_STOP_TAKEN);
	struct attempt *a = attempts_find(&l->attempts, name);
	bool stuck = a && a->state == ATTEMPT_ASKED && link_gone(l);
	if (!a) {
		stop_when_found(l, name);
		return;
	}
	if (stuck && has_rundir(l, name)) {
		drop(l, a);
		find_again(l, name, true);
	} else if (stuck || a->state == ATTEMPT_WAITING) {
		stop_waiting(l, a, name);
	} else if (!a->want_stop) {
		a->want_stop = true;
		if (a->state == ATTEMPT_FOLLOWED)
			link_line_up(l, a);
	}
}

static void order_recover(struct local *l, const struct replica_name *name)
{
	struct attempt *a = attempts_find(&l->attempts, name);
	if (!a)
		find_again(l, name, false);
	else if (a->seen_started)
		report_started(l, a);
}

static void take_orders(struct local *l)
{
	uint64_t n;
	if (read(l->wake, &n, sizeof(n)) < 0)
		n = 0; /* somebody else's wake-up was enough */
	for (struct letter *at = mailbox_take(l->box), *next; at; at = next) {
		struct order *o = container_of(at, struct order, letter);
		next = at->next;
		if (o->kind == ORDER_START)
			starts_take(l, o);
		else if (o->kind == ORDER_STOP)
			order_stop(l, &o->name);
		else if (o->kind == ORDER_RECOVER)
			order_recover(l, &o->name);
		else if (o->kind == ORDER_RECOVERED)
			__atomic_store_n(&l->recovered, true, __ATOMIC_RELEASE);
		if (o->kind == ORDER_FORGET)
			list_push(&l->forgets, &o->link);
		else
			order_free(o);
	}
}

/** A small step, so that reports never wait long for it. */
static void forget_some(struct local *l)
{
	struct order *o = container_of(l->forgets.next, struct order, link);
	crash_at(CRASH_LOCAL_FORGETS);
	if (rundir_forget_some(l->data, o->name.job, FORGET_AT_ONCE))
		return;
	link_release(l, o->name.job);
	list_remove(&o->link);
	order_free(o);
}

static bool can_forget(const struct local *l)
{
	return !list_empty(&l->forgets) && link_has_room(l);
}

/* ---- the thread ---- */

static void take_event(struct local *l, const struct watch *w)
{
	switch (w->kind) {
	case WATCH_WAKE:
		take_orders(l);
		break;
	case WATCH_SPAWNER:
		link_receive(l);
		break;
	case WATCH_NOTICE:
		take_notice(l, w->attempt);
		break;
	case WATCH_PIDFD:
		if (take_notice(l, w->attempt))
			conclude(l, w->attempt);
		break;
	}
}

static int sleep_ms(const struct local *l)
{
	if (can_forget(l))
		return 0;
	if (list_empty(&l->again))
		return -1;
	int64_t left = l->again_at_ms - clock_mono_ms(&clock_system);
	return left > 0 ? (int)left : 0;
}

void follow_turn(struct local *l, bool sleep)
{
	struct epoll_event e;
	/* One event at a time: it may free what the next one would point to. */
	if (epoll_wait(l->epoll, &e, 1, sleep ? sleep_ms(l) : 0) == 1)
		take_event(l, e.data.ptr);
	else if (can_forget(l))
		forget_some(l);
	if (!list_empty(&l->again) && clock_mono_ms(&clock_system) >= l->again_at_ms)
		try_again(l);
	starts_fill_slots(l);
	link_push(l);
}

void *follow_thread(void *local)
{
	struct local *l = local;
	while (!__atomic_load_n(&l->quit, __ATOMIC_ACQUIRE))
		follow_turn(l, true);
	return NULL;
}
