#include "core/base/crash.h"
#include "runtime/local/hunt.h"
#include "runtime/local/internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

bool link_gone(const struct local *l)
{
	return __atomic_load_n(&l->spawner_gone, __ATOMIC_ACQUIRE);
}

void link_line_up(struct local *l, struct attempt *a)
{
	list_remove(&a->due);
	list_push(&l->due, &a->due);
}

void link_forget(struct local *l, const struct attempt *a)
{
	for (size_t i = 0; i < countof(l->asked); i++) {
		if (l->asked[i].attempt == a)
			l->asked[i].attempt = NULL;
	}
}

/** Without the spawner: what this process can do itself, it does. */
static void do_directly(struct local *l, struct attempt *a)
{
	if (a->state == ATTEMPT_SWEEPING) {
		hunt_marked(&a->name, a->pid, NULL);
		follow_lost(l, a);
	} else if (a->state == ATTEMPT_FOLLOWED && a->want_stop) {
		a->told_stop = true;
		pidfd_send_signal(a->pidfd, SIGTERM, NULL, 0);
	}
}

static void lose_spawner(struct local *l)
{
	if (link_gone(l))
		return;
	__atomic_store_n(&l->spawner_gone, true, __ATOMIC_RELEASE);
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->sock, NULL);
	if (l->hooks.spawner_lost)
		l->hooks.spawner_lost(l->hooks.user);
	for (; l->asked_n; l->asked_n--) {
		struct asked *asked = &l->asked[l->asked_first++ % WIRE_OUT_MAX];
		struct attempt *a = asked->attempt;
		asked->attempt = NULL;
		if (a)
			do_directly(l, a);
	}
	link_push(l);
}

/** Which ask is due for it? 0: none. */
static unsigned kind_due(const struct attempt *a)
{
	switch (a->state) {
	case ATTEMPT_ASKED:
		return WIRE_START;
	case ATTEMPT_SWEEPING:
		return WIRE_SWEEP;
	case ATTEMPT_FOLLOWED:
		/* Before it has started there is nothing yet by which to find it. */
		return a->want_stop && !a->told_stop && a->seen_started ? WIRE_STOP : 0;
	case ATTEMPT_WAITING:
		break;
	}
	return 0;
}

bool link_has_room(const struct local *l) { return link_gone(l) || l->asked_n < WIRE_OUT_MAX; }

static void note_asked(struct local *l, struct attempt *a, enum wire_kind kind)
{
	unsigned at = (l->asked_first + l->asked_n++) % WIRE_OUT_MAX;
	l->asked[at] = (struct asked){a, kind};
}

void link_release(struct local *l, struct uuid job)
{
	struct wire_ask ask = {.kind = WIRE_RELEASE, .name = {.job = job}};
	if (!l->users || link_gone(l))
		return;
	/* Where it fails the folders stay closed, and who removes them is told. */
	if (wire_send(l->sock, &ask, sizeof(ask), NULL, 0) == 0)
		note_asked(l, NULL, WIRE_RELEASE);
}

static int send_ask(struct local *l, struct attempt *a, unsigned kind)
{
	struct wire_ask ask = {.kind = kind, .session = a->pid, .name = a->name};
	int plan = -1, rc = 0;
	if (kind == WIRE_START) {
		const struct bytes piece[] = {bytes_of(a->head, a->head_len),
					      bytes_of(a->body->text, a->body->len)};
		rc = wire_memfd(piece, countof(piece), &plan);
		if (rc)
			return rc;
	}
	if (kind == WIRE_START)
		crash_at(CRASH_LOCAL_SPAWN_BEFORE);
	rc = wire_send(l->sock, &ask, sizeof(ask), &plan, kind == WIRE_START);
	crash_at(kind == WIRE_START ? CRASH_LOCAL_SPAWN_ASKED : CRASH_LOCAL_STOP_ASKED);
	if (plan >= 0)
		close(plan);
	if (rc)
		return rc;
	note_asked(l, a, (enum wire_kind)kind);
	a->told_stop |= kind == WIRE_STOP;
	return 0;
}

void link_push(struct local *l)
{
	while (!list_empty(&l->due) && l->asked_n < WIRE_OUT_MAX) {
		struct attempt *a = container_of(list_pop(&l->due), struct attempt, due);
		unsigned kind = kind_due(a);
		if (kind == 0)
			continue;
		if (link_gone(l)) {
			do_directly(l, a);
			continue;
		}
		int rc = send_ask(l, a, kind);
		if (rc == SL_E_CANCELED) {
			link_line_up(l, a);
			lose_spawner(l);
		} else if (rc && kind == WIRE_START) {
			follow_failed(l, a, sl_err_text(rc));
		} else if (rc) {
			do_directly(l, a);
		}
	}
}

static void take_started(struct local *l, struct attempt *a, const struct wire_answer *answer,
			 int fds[WIRE_FDS_MAX])
{
	char why[160];
	if (answer->error == 0 && fds[0] >= 0 && fds[1] >= 0) {
		follow_begin(l, a, fds[0], fds[1]);
		crash_at(CRASH_LOCAL_FOLLOWED);
		fds[0] = fds[1] = -1;
		return;
	}
	snprintf(why, sizeof(why), "no process for it: %s", strerror(answer->error));
	follow_failed(l, a, why);
}

static void take_answer(struct local *l, const struct wire_answer *answer, int fds[WIRE_FDS_MAX])
{
	struct asked asked = l->asked[l->asked_first % WIRE_OUT_MAX];
	l->asked[l->asked_first % WIRE_OUT_MAX].attempt = NULL;
	l->asked_first = (l->asked_first + 1) % WIRE_OUT_MAX;
	l->asked_n--;
	if (!asked.attempt)
		return;
	if (asked.kind == WIRE_START)
		take_started(l, asked.attempt, answer, fds);
	else if (asked.kind == WIRE_SWEEP)
		follow_lost(l, asked.attempt);
	else if (answer->error)
		do_directly(l, asked.attempt);
}

void link_receive(struct local *l)
{
	struct wire_answer answer;
	int fds[WIRE_FDS_MAX] = {-1, -1}, rc = 0;
	while (!rc && !link_gone(l)) {
		rc = wire_receive(l->sock, &answer, sizeof(answer), fds, MSG_DONTWAIT);
		if (rc == 0 && l->asked_n)
			take_answer(l, &answer, fds);
		for (unsigned i = 0; i < WIRE_FDS_MAX; i++) {
			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = -1;
		}
	}
	if (rc && rc != SL_E_BUSY)
		lose_spawner(l);
}
