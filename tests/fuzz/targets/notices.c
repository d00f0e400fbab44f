/* The engine `local` beside a spawner and supervisors that say anything, in any order: what it
 * reports is about what was started, an end comes once and last, each replica whose start was
 * answered comes to its end, no more are asked for than there are slots, and no descriptor stays
 * open. Input: steps, of a byte that says which (4 bits) and for which replica (4 bits), and what
 * the step takes from behind it. */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/local/hunt.h"
#include "runtime/local/internal.h"
#include "runtime/local/supervisor.h"
#include "tests/fuzz/send.h"

enum { REPLICAS = 16, SLOTS = 4, TURNS = 8, STEPS_MAX = 64, OPEN_AT_ONCE = 8, FDS_MAX = 3 };

/** One replica: a supervisor that is a pair of pipes. */
struct one {
	bool started, asked, answered, over;
	bool found; /* it may have been told that this one runs already: then it is looked for */
	int alive, notice; /* writing ends, or -1 */
};

struct scene {
	char dir[40];
	struct local *l;
	int sock, data; /* the spawner's end; -1: it is gone */
	struct wire_ask ask[2 * WIRE_OUT_MAX];
	unsigned asks;
	struct one one[REPLICAS];
	struct bytes in;
};

void __wrap_hunt_marked(const struct replica_name *name, int32_t session, const uid_t *only);

/* Nothing of this machine is hunted. */
void __wrap_hunt_marked(const struct replica_name *name, int32_t session SL_UNUSED,
			const uid_t *only SL_UNUSED)
{
	fuzz_holds(name->index < REPLICAS);
}

static uint8_t next(struct scene *s)
{
	if (!s->in.len)
		return 0;
	uint8_t byte = *(const uint8_t *)s->in.at;
	s->in = bytes_of((const char *)s->in.at + 1, s->in.len - 1);
	return byte;
}

static struct bytes next_some(struct scene *s, size_t n)
{
	struct bytes some = bytes_of(s->in.at, n < s->in.len ? n : s->in.len);
	s->in = bytes_of((const char *)s->in.at + some.len, s->in.len - some.len);
	return some;
}

static struct replica_name name_of(unsigned i)
{
	return (struct replica_name){.job = {{1, 2, 3}}, .index = i};
}

static void hear(void *user, const struct engine_report *r)
{
	struct scene *s = user;
	fuzz_holds(r->name.index < REPLICAS && uuid_eq(r->name.job, name_of(0).job));
	struct one *one = &s->one[r->name.index];
	fuzz_holds(one->started && !one->over);
	fuzz_holds(memchr(r->message, 0, sizeof(r->message)));
	one->over = r->change != REPLICA_STARTED;
}

/* ---- the spawner ---- */

static void take_asks(struct scene *s)
{
	struct wire_ask ask;
	int fds[WIRE_FDS_MAX];
	while (s->sock >= 0 && wire_receive(s->sock, &ask, sizeof(ask), fds, MSG_DONTWAIT) == 0) {
		fuzz_holds((fds[0] >= 0) == (ask.kind == WIRE_START) && fds[1] < 0);
		if (fds[0] >= 0)
			close(fds[0]);
		fuzz_holds(s->asks < countof(s->ask));
		s->ask[s->asks++] = ask;
		if (ask.kind == WIRE_START)
			s->one[ask.name.index].asked = true;
	}
	unsigned n = 0;
	for (unsigned i = 0; i < REPLICAS; i++)
		n += s->one[i].asked && !s->one[i].over && !s->one[i].found;
	fuzz_holds(n <= SLOTS);
}

static void turn(struct scene *s)
{
	for (int i = 0; i < TURNS; i++)
		follow_turn(s->l, false);
	take_asks(s);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void send_answer(struct scene *s, const void *at, size_t len, const int *fds, unsigned n)
{
	if (s->sock < 0 || !send_any(s->sock, at, len, fds, n) ||
	    len != sizeof(struct wire_answer) || n > WIRE_FDS_MAX) {
		close_end(&s->sock); /* the engine has let go of it, too */
		return;
	}
	if (!s->asks)
		return;
	if (s->ask[0].kind == WIRE_START)
		s->one[s->ask[0].name.index].answered = true;
	memmove(s->ask, s->ask + 1, --s->asks * sizeof(*s->ask));
}

/* With so many descriptors, in their order or not, of a replica's own or of nobody. */
static void answer(struct scene *s, const void *at, size_t len, uint8_t how)
{
	static const uint8_t turned = 4, strange = 8;
	struct one nobody = {.alive = -1, .notice = -1};
	struct one *one =
		s->asks && s->ask[0].kind == WIRE_START ? &s->one[s->ask[0].name.index] : &nobody;
	int alive[2], notice[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	fuzz_holds(pipe2(alive, O_CLOEXEC | O_NONBLOCK) == 0);
	fuzz_holds(pipe2(notice, O_CLOEXEC | O_NONBLOCK) == 0);
	close_end(&one->alive);
	close_end(&one->notice);
	one->alive = alive[1];
	one->notice = notice[1];
	int fds[FDS_MAX] = {alive[0], notice[0], null};
	if (how & turned) {
		fds[0] = notice[0];
		fds[1] = alive[0];
	}
	if (how & strange)
		fds[0] = null;
	send_answer(s, at, len, fds, how & FDS_MAX);
	close(alive[0]);
	close(notice[0]);
	close(null);
	close_end(&nobody.alive);
	close_end(&nobody.notice);
}

/* ---- steps ---- */

static void start(struct scene *s, unsigned i)
{
	static const char pod[] = "{\"spec\":{\"containers\":[{\"command\":[\"x\"]}]}}";
	static const char *const env[] = {NULL};
	struct replica_spec spec = {.name = name_of(i),
				    .pod = bytes_str(pod),
				    .role_name = BYTES("r"),
				    .taskset_name = BYTES("s"),
				    .env = env};
	struct replica_group group = {START_EACH, 1, &spec};
	if (s->one[i].started)
		return;
	s->one[i].started = true;
	if (s->l->base.ops->start(&s->l->base, &group))
		s->one[i].started = false; /* the spawner is gone */
}

static void say(struct scene *s, unsigned i, const void *at, size_t len)
{
	if (s->one[i].notice >= 0 && len && write(s->one[i].notice, at, len) < 0)
		close_end(&s->one[i].notice);
}

static void say_well(struct scene *s, unsigned i)
{
	struct notice n = {.kind = next(s) % 6};
	struct bytes pid = next_some(s, sizeof(n.pid)), ms = next_some(s, sizeof(n.ms));
	memcpy(&n.pid, pid.at, pid.len);
	memcpy(&n.ms, ms.at, ms.len);
	memset(n.text, next(s), sizeof(n.text));
	s->one[i].found |= n.kind == NOTICE_EXISTS;
	say(s, i, &n, sizeof(n));
}

/* What a supervisor has left: nothing, or one of its notes. */
static void leave(struct scene *s, unsigned i)
{
	struct replica_name name = name_of(i);
	struct rundir run;
	struct outcome outcome = {.code = 3, .reason = OUTCOME_ERROR, .message = "it said"};
	struct started started = {7, 1, 5};
	uint8_t what = next(s);
	if (rundir_create(s->data, &name, &run, NULL))
		return;
	if (what & 1)
		fuzz_holds(outcome_write(run.dir, &outcome) == 0);
	if (what & 2)
		fuzz_holds(started_write(run.dir, &started) == 0);
	close(run.dir);
	close(run.lock);
	close(run.job);
	if (run.run >= 0)
		close(run.run);
}

static void ask_again(struct scene *s, unsigned i)
{
	struct replica_name name = name_of(i);
	struct one *one = &s->one[i];
	if (one->started && !one->over)
		return;
	*one = (struct one){.started = true, .alive = one->alive, .notice = one->notice};
	one->started = s->l->base.ops->recover(&s->l->base, &name);
}

static void step(struct scene *s, uint8_t which, unsigned i)
{
	static const struct wire_answer good = {.pid = 1};
	struct wire_answer bad = {0};
	struct replica_name name = name_of(i);
	struct bytes raw;
	switch (which) {
	case 0:
	case 1:
		start(s, i);
		break;
	case 2:
	case 3:
		answer(s, &good, sizeof(good), WIRE_FDS_MAX);
		break;
	case 4:
	case 5:
		say_well(s, i);
		break;
	case 6:
		s->l->base.ops->stop(&s->l->base, &name);
		break;
	case 7:
		close_end(&s->one[i].alive);
		break;
	case 8:
		close_end(&s->one[i].notice);
		break;
	case 9:
		leave(s, i);
		break;
	case 10:
		raw = next_some(s, next(s));
		s->one[i].found = true;
		say(s, i, raw.at, raw.len);
		break;
	case 11:
		bad.error = next(s);
		answer(s, &bad, sizeof(bad), next(s));
		break;
	case 12:
		raw = next_some(s, next(s));
		answer(s, raw.at, raw.len, next(s));
		break;
	case 13:
		s->l->base.ops->forget(&s->l->base, &name.job);
		break;
	case 14:
		ask_again(s, i);
		break;
	default:
		close_end(&s->sock);
	}
}

/* ---- */

static bool open_scene(struct scene *s, const uint8_t *at, size_t len)
{
	int pair[2];
	*s = (struct scene){.in = bytes_of(at, len)};
	snprintf(s->dir, sizeof(s->dir), "%s/fuzz_notices.XXXXXX", /* no flush takes long there */
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(s->dir) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	struct local_config config = {
		.data_dir = s->dir, .slots = SLOTS, .ageing_ms = 60000, .grace_s = 5};
	struct spawner spawner = {.sock = pair[0], .can = {.users = 1}};
	struct local_hooks hooks = {hear, NULL, s};
	fuzz_holds(local_make(&config, &spawner, &hooks, &s->l, NULL) == 0);
	s->l->base.ops->recovered(&s->l->base);
	s->sock = pair[1];
	s->data = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < REPLICAS; i++)
		s->one[i].alive = s->one[i].notice = -1;
	return true;
}

static int remove_one(const char *path, const struct stat *st SL_UNUSED, int type SL_UNUSED,
		      struct FTW *ftw SL_UNUSED)
{
	return remove(path);
}

/* All that is there ends. */
static void close_scene(struct scene *s)
{
	int sock = s->l->sock;
	close_end(&s->sock);
	for (unsigned i = 0; i < REPLICAS; i++) {
		close_end(&s->one[i].alive);
		close_end(&s->one[i].notice);
	}
	for (int i = 0; i < 2 * REPLICAS; i++)
		turn(s);
	for (unsigned i = 0; i < REPLICAS; i++)
		fuzz_holds(s->one[i].over || !s->one[i].answered);
	engine_free(&s->l->base);
	close(sock);
	close(s->data);
	fuzz_holds(nftw(s->dir, remove_one, OPEN_AT_ONCE, FTW_DEPTH | FTW_PHYS) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct scene s;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	signal(SIGPIPE, SIG_IGN);
	if (!open_scene(&s, at, len))
		return 0;
	turn(&s);
	for (int i = 0; i < STEPS_MAX && s.in.len; i++) {
		uint8_t byte = next(&s);
		step(&s, byte & 15, byte >> 4);
		turn(&s);
	}
	close_scene(&s);
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	fuzz_holds(after == before);
	return 0;
}
