/* What the spawner is asked, by somebody who keeps to nothing: each message has one answer, in
 * order; what is done is what was asked in due form, once, and nothing else; no descriptor stays
 * open. Input, again and again: a byte of descriptors (2 bits), form (1: well-formed) and what
 * comes of the work (1: it fails); well-formed: the kind (1) and the ask behind it, as far as
 * there is one; else the length (1) and the message. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/local/asks.h"
#include "tests/fuzz/send.h"

enum { FDS_MAX = 3, WELL_FORMED = 4, FAILS = 8, MESSAGES_MAX = 32 };

struct message {
	uint8_t at[256];
	size_t len;
	unsigned fds;
	bool fails;
};

/** What was done since the last message. */
struct done {
	unsigned n;
	struct wire_ask ask;
	bool fails;
	int spare; /* a descriptor to be duplicated */
};

static int note(struct done *d, uint32_t kind, const struct replica_name *name, int32_t session)
{
	d->n++;
	d->ask = (struct wire_ask){.kind = kind, .session = session, .name = *name};
	return d->fails ? EPERM : 0;
}

static int start(void *user, int plan, int notice, int32_t *ret_pid, int *ret_pidfd)
{
	struct done *d = user;
	static const struct replica_name nobody = {.role = 0};
	fuzz_holds(fcntl(plan, F_GETFD) & FD_CLOEXEC && fcntl(notice, F_GETFD) & FD_CLOEXEC);
	fuzz_holds(fcntl(notice, F_GETFL) & O_NONBLOCK);
	*ret_pid = 42;
	int rc = note(d, WIRE_START, &nobody, 0);
	*ret_pidfd = rc ? -1 : fcntl(d->spare, F_DUPFD_CLOEXEC, 0);
	return rc;
}

static int stop(void *user, const struct replica_name *name)
{
	return note(user, WIRE_STOP, name, 0);
}

static void sweep(void *user, const struct replica_name *name, int32_t session)
{
	(void)note(user, WIRE_SWEEP, name, session);
}

static int release(void *user, struct uuid job)
{
	const struct replica_name name = {.job = job};
	return note(user, WIRE_RELEASE, &name, 0);
}

static bool next_message(struct bytes *in, struct message *m)
{
	const uint8_t *at = (const uint8_t *)in->at;
	if (in->len < 2)
		return false;
	*m = (struct message){.fds = at[0] & FDS_MAX, .fails = at[0] & FAILS};
	size_t left = in->len - 2;
	if (at[0] & WELL_FORMED) {
		struct wire_ask ask = {.kind = at[1] % 6};
		size_t more = sizeof(ask) - sizeof(ask.kind);
		more = more < left ? more : left;
		m->len = sizeof(ask);
		memcpy(m->at, &ask, sizeof(ask));
		memcpy(m->at + sizeof(ask.kind), at + 2, more);
		left -= more;
	} else {
		m->len = at[1] < left ? at[1] : left;
		memcpy(m->at, at + 2, m->len);
		left -= m->len;
	}
	*in = bytes_of((const char *)in->at + in->len - left, left);
	return true;
}

/* What the wire promises: 0, or the error that is answered. */
static int expected(const struct message *m, struct wire_ask *ask)
{
	if (m->len != sizeof(*ask) || m->fds > WIRE_FDS_MAX)
		return EBADMSG;
	memcpy(ask, m->at, sizeof(*ask));
	switch (ask->kind) {
	case WIRE_START:
		return m->fds == 1 ? 0 : EBADF;
	case WIRE_SWEEP:
		return ask->session < 0 ? EINVAL : 0;
	case WIRE_STOP:
	case WIRE_RELEASE:
		return 0;
	default:
		return EINVAL;
	}
}

static bool same_name(const struct replica_name *a, const struct replica_name *b)
{
	return uuid_eq(a->job, b->job) && a->role == b->role && a->index == b->index &&
	       a->attempt == b->attempt;
}

static void check_done(const struct done *d, const struct wire_ask *ask)
{
	fuzz_holds(d->n == 1 && d->ask.kind == ask->kind);
	if (ask->kind == WIRE_STOP || ask->kind == WIRE_SWEEP)
		fuzz_holds(same_name(&d->ask.name, &ask->name));
	if (ask->kind == WIRE_SWEEP)
		fuzz_holds(d->ask.session == ask->session);
	if (ask->kind == WIRE_RELEASE)
		fuzz_holds(uuid_eq(d->ask.name.job, ask->name.job));
}

static void check_answer(int sock, const struct message *m, const struct done *d)
{
	struct wire_ask ask = {0};
	struct wire_answer a;
	int fds[WIRE_FDS_MAX], wrong = expected(m, &ask);
	fuzz_holds(wire_receive(sock, &a, sizeof(a), fds, MSG_DONTWAIT) == 0);
	bool failed = wrong || (m->fails && ask.kind != WIRE_SWEEP);
	bool started = !failed && ask.kind == WIRE_START;
	fuzz_holds(a.error == (wrong ? wrong : failed ? EPERM : 0));
	fuzz_holds(started == (fds[0] >= 0) && started == (fds[1] >= 0));
	if (wrong)
		fuzz_holds(d->n == 0);
	else
		check_done(d, &ask);
	for (unsigned i = 0; i < WIRE_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	fuzz_holds(wire_receive(sock, &a, sizeof(a), fds, MSG_DONTWAIT) == SL_E_BUSY);
}

static void talk(const int pair[2], struct bytes in, struct done *d)
{
	const struct asks_work work = {d, start, stop, sweep, release};
	struct message m;
	for (unsigned i = 0; i < MESSAGES_MAX && next_message(&in, &m); i++) {
		const int fds[FDS_MAX] = {d->spare, d->spare, d->spare};
		if (!send_any(pair[0], m.at, m.len, fds, m.fds))
			return;
		d->n = 0;
		d->fails = m.fails;
		bool served = asks_serve(pair[1], &work);
		fuzz_holds(served == (m.len > 0)); /* a message of nothing is the end */
		if (!served) {
			fuzz_holds(d->n == 0);
			return;
		}
		check_answer(pair[0], &m, d);
	}
	shutdown(pair[0], SHUT_WR);
	d->n = 0;
	fuzz_holds(!asks_serve(pair[1], &work) && d->n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	int pair[2];
	struct done d = {.spare = open("/dev/null", O_RDONLY | O_CLOEXEC)};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return 0;
	int before = fcntl(d.spare, F_DUPFD_CLOEXEC, 0);
	close(before);
	talk(pair, bytes_of(at, len), &d);
	int after = fcntl(d.spare, F_DUPFD_CLOEXEC, 0);
	close(after);
	fuzz_holds(after == before);
	close(pair[0]);
	close(pair[1]);
	close(d.spare);
	return 0;
}
