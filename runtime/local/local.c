#include "runtime/local/local.h"

#include "runtime/local/artifacts.h"
#include "runtime/local/cgroups.h"
#include "runtime/local/check.h"
#include "runtime/local/internal.h"
#include "runtime/local/logfile.h"
#include "runtime/local/logwatch.h"
#include "runtime/local/plan.h"
#include "runtime/local/pod.h"
#include "runtime/local/remover.h"
#include "runtime/local/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ATTEMPTS_MAX = 1 << 20, ORDERS_MAX = 1 << 16, HEAD_MAX = 256 << 10 };

static struct local *local_of(struct engine *e) { return container_of(e, struct local, base); }

static void wake(void *user)
{
	const struct local *l = user;
	uint64_t one = 1;
	if (write(l->wake, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is awake */
}

static int post(struct local *l, struct order *o, bool always)
{
	int rc =
		always ? mailbox_post_always(l->box, &o->letter) : mailbox_post(l->box, &o->letter);
	if (rc)
		order_free(o);
	return rc;
}

static struct order *order_new(enum order_kind kind, const struct replica_name *name)
{
	struct order *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->kind = kind;
	if (name)
		o->name = *name;
	list_init(&o->link);
	return o;
}

/** An order that is about a name and nothing else. */
static bool order(struct local *l, enum order_kind kind, const struct replica_name *name)
{
	struct order *o = order_new(kind, name);
	return o && post(l, o, true) == 0;
}

/* ---- start ---- */

static uint32_t most(const struct local *l, uint32_t slots)
{
	return slots < l->config.slots ? slots : l->config.slots;
}

static int priority_of(const struct local *l, struct bytes text, int32_t *ret, struct sl_error *err)
{
	struct pod pod scoped(pod_finip) = {0};
	int rc = pod_parse(&pod, text, err);
	return rc ? rc : pod_priority(&pod.json, pod.spec, l->config.priority_classes, ret, err);
}

static int build_body(struct local *l, struct bytes pod, struct plan_body **ret,
		      struct sl_error *err)
{
	struct buf text scoped(buf_finip);
	uint32_t slots = 1;
	int32_t priority = 0;
	buf_init(&text, PLAN_BYTES_MAX);
	int rc = plan_build_body(pod, l->config.grace_s, &text, &slots, err);
	if (!rc)
		rc = priority_of(l, pod, &priority, err);
	if (rc)
		return rc;
	struct plan_body *body = malloc(sizeof(*body) + text.len);
	if (!body)
		return SL_E_NO_MEMORY;
	*body = (struct plan_body){
		.refs = 1, .cost = most(l, slots), .priority = priority, .len = text.len};
	memcpy(body->text, text.at, text.len);
	*ret = body;
	return 0;
}

/** Replicas of a role are started one after another: look at their pod once. */
static int body_of(struct local *l, struct bytes pod, struct plan_body **ret, struct sl_error *err)
{
	if (!l->last_body || !bytes_eq(pod, bytes_of(l->last_pod, l->last_pod_len))) {
		struct plan_body *body;
		int rc = build_body(l, pod, &body, err);
		if (rc)
			return rc;
		plan_body_unref(l->last_body);
		free(l->last_pod);
		l->last_pod = malloc(pod.len + 1);
		l->last_pod_len = pod.len;
		l->last_body = body;
		if (!l->last_pod) {
			l->last_body = plan_body_unref(l->last_body);
			return SL_E_NO_MEMORY;
		}
		memcpy(l->last_pod, pod.at, pod.len);
	}
	*ret = plan_body_ref(l->last_body);
	return 0;
}

static int fill_start(struct local *l, const struct replica_spec *spec, struct start *s,
		      struct sl_error *err)
{
	struct buf head scoped(buf_finip);
	buf_init(&head, HEAD_MAX);
	int rc = body_of(l, spec->pod, &s->body, err);
	if (!rc)
		rc = plan_build_head(spec, &head, err);
	if (rc)
		return rc;
	s->name = spec->name;
	s->head = buf_steal(&head, &s->head_len);
	return 0;
}

static void refuse(struct local *l, const struct replica_name *name, const struct sl_error *why)
{
	struct engine_report r = {.name = *name, .change = REPLICA_REFUSED, .reason = "Refused"};
	snprintf(r.message, sizeof(r.message), "%.*s", (int)sizeof(r.message) - 1, why->text);
	follow_report(l, &r);
}

/** Those that cannot be started are refused: of a gang then all. */
static int fill_starts(struct local *l, const struct replica_group *group, struct order *o)
{
	for (size_t i = 0; i < group->n; i++) {
		struct sl_error err = {0};
		int rc = fill_start(l, &group->replica[i], &o->start[o->starts], &err);
		if (rc && rc != SL_E_INVALID && rc != SL_E_TOO_BIG)
			return rc;
		if (!rc) {
			o->starts++;
		} else if (group->how == START_EACH) {
			refuse(l, &group->replica[i].name, &err);
			o->start[o->starts].body = plan_body_unref(o->start[o->starts].body);
		} else {
			for (size_t k = 0; k < group->n; k++)
				refuse(l, &group->replica[k].name, &err);
			o->starts++; /* what it holds so far goes with the order */
			return SL_E_INVALID;
		}
	}
	return 0;
}

static int start(struct engine *e, const struct replica_group *group)
{
	struct local *l = local_of(e);
	if (link_gone(l))
		return SL_E_UNAVAILABLE;
	struct order *o = order_new(ORDER_START, &group->replica[0].name);
	if (o)
		o->start = calloc(group->n, sizeof(*o->start));
	if (!o || !o->start) {
		order_free(o);
		return SL_E_NO_MEMORY;
	}
	o->how = group->how;
	int rc = fill_starts(l, group, o);
	if (rc == 0 && o->starts)
		return post(l, o, false);
	order_free(o);
	return rc == SL_E_INVALID ? 0 : rc;
}

/* ---- the other words of the port ---- */

static int check(struct engine *e, struct bytes taskset, struct sl_error *err)
{
	return check_taskset(&local_of(e)->config, taskset, err);
}

static uint32_t weight(struct engine *e, struct bytes text)
{
	struct pod pod scoped(pod_finip) = {0};
	return pod_parse(&pod, text, NULL) ? 1 : most(local_of(e), pod_cpus(&pod.json, pod.spec));
}

static uint32_t room(const struct engine *e)
{
	return container_of(e, const struct local, base)->config.slots;
}

static bool place(struct engine *e, const struct uuid *job, struct engine_place *ret)
{
	return queue_place(&local_of(e)->queue, job, ret);
}

static void stop(struct engine *e, const struct replica_name *name)
{
	order(local_of(e), ORDER_STOP, name);
}

static bool recover(struct engine *e, const struct replica_name *name)
{
	struct local *l = local_of(e);
	char path[RUNDIR_PATH_SIZE];
	if (faccessat(l->data, rundir_path(name, path), F_OK, 0) < 0)
		return false;
	return order(l, ORDER_RECOVER, name);
}

static void recovered(struct engine *e)
{
	struct local *l = local_of(e);
	if (!order(l, ORDER_RECOVERED, NULL)) /* no memory: better too early than never */
		__atomic_store_n(&l->recovered, true, __ATOMIC_RELEASE);
}

static void forget(struct engine *e, const struct uuid *job)
{
	struct replica_name name = {.job = *job};
	order(local_of(e), ORDER_FORGET, &name);
}

static int open_log(struct engine *e, const struct uuid *job, struct bytes role, uint32_t index,
		    const char *stream)
{
	char path[LOGFILE_PATH_SIZE];
	bool known = strcmp(stream, "stdout") == 0 || strcmp(stream, "stderr") == 0;
	if (!known || !plan_role_ok(role))
		return -1;
	return openat(local_of(e)->data, logfile_path(*job, role, index, stream, path),
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static int open_log_times(struct engine *e, const struct uuid *job, struct bytes role,
			  uint32_t index, const char *stream)
{
	char path[LOGFILE_PATH_SIZE];
	if (!plan_role_ok(role))
		return -1;
	return openat(local_of(e)->data, logfile_times_path(*job, role, index, stream, path),
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static bool follow_logs(struct engine *e, struct log_follower *f)
{
	return logwatch_follow(local_of(e)->logwatch, f);
}

static void unfollow_logs(struct engine *e, struct log_follower *f)
{
	logwatch_unfollow(local_of(e)->logwatch, f);
}

static int open_artifact(struct engine *e, const struct uuid *job, const char *path, int *ret_fd,
			 struct sl_error *err)
{
	return artifacts_open(local_of(e)->data, *job, path, ret_fd, err);
}

static void erased(void *user, struct uuid job, const char *why)
{
	struct local *l = user;
	struct engine_report report = {.name.job = job, .change = JOB_ERASED};
	snprintf(report.message, sizeof(report.message), "%s", why);
	l->hooks.report(l->hooks.user, &report);
}

static void erase(struct engine *e, const struct uuid *job)
{
	struct local *l = local_of(e);
	if (remover_order(l->remover, *job))
		erased(l, *job, "out of memory");
}

/* ---- making and unmaking ---- */

static void free_orders(struct local *l)
{
	for (struct letter *at = mailbox_take(l->box), *next; at; at = next) {
		next = at->next;
		order_free(container_of(at, struct order, letter));
	}
	while (!list_empty(&l->forgets))
		order_free(container_of(list_pop(&l->forgets), struct order, link));
	while (!list_empty(&l->again))
		order_free(container_of(list_pop(&l->again), struct order, link));
}

static void close_all(const struct local *l)
{
	const int fds[] = {l->data, l->epoll, l->wake};
	for (size_t i = 0; i < countof(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static char **free_list(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
	return NULL;
}

static struct engine *local_free(struct engine *e)
{
	struct local *l = local_of(e);
	if (l->has_thread) {
		mailbox_close(l->box);
		__atomic_store_n(&l->quit, true, __ATOMIC_RELEASE);
		wake(l);
		pthread_join(l->thread, NULL);
	}
	if (l->box)
		free_orders(l);
	logwatch_free(l->logwatch);
	remover_free(l->remover);
	mailbox_free(l->box);
	if (l->queue.bucket)
		queue_fini(&l->queue);
	attempts_fini(&l->attempts);
	plan_body_unref(l->last_body);
	free(l->last_pod);
	close_all(l);
	free_list(l->host_paths);
	free_list(l->classes);
	free(l->data_dir);
	free(l);
	return NULL;
}

static const struct engine_ops ops = {
	.name = "local",
	.check = check,
	.weight = weight,
	.room = room,
	.start = start,
	.stop = stop,
	.recover = recover,
	.recovered = recovered,
	.place = place,
	.forget = forget,
	.open_log = open_log,
	.open_log_times = open_log_times,
	.follow_logs = follow_logs,
	.unfollow_logs = unfollow_logs,
	.open_artifact = open_artifact,
	.erase = erase,
	.free = local_free,
};

/** A NULL-ended list of strings. */
static char **copy_list(const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	char **copy = calloc(n + 1, sizeof(char *));
	for (size_t i = 0; copy && i < n; i++)
		if (!(copy[i] = strdup(list[i])))
			return free_list(copy);
	return copy;
}

static int copy_config(struct local *l, const struct local_config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	l->config = *config;
	if (l->config.slots == 0)
		l->config.slots = cores > 0 ? (uint32_t)cores : 1;
	l->host_paths = copy_list(config->host_paths);
	l->classes = copy_list(config->priority_classes);
	l->data_dir = strdup(config->data_dir);
	l->config.data_dir = l->data_dir;
	l->config.host_paths = (const char *const *)l->host_paths;
	l->config.priority_classes = (const char *const *)l->classes;
	return l->host_paths && l->classes && l->data_dir ? 0 : SL_E_NO_MEMORY;
}

/** What this machine cannot promise, in words for a job's log. */
static void note_lacks(struct local *l, const struct wire_hello *can)
{
	unsigned lacks = CGROUP_ALL & ~can->parts;
	if (lacks)
		snprintf(l->lacks, sizeof(l->lacks), "not limited by cgroups here (%.70s):%s%s%s%s",
			 can->why, lacks & CGROUP_MEMORY ? " memory counts for each process;" : "",
			 lacks & CGROUP_CPU ? " cpu is not limited;" : "",
			 lacks & CGROUP_PIDS ? " nor are processes;" : "",
			 lacks & CGROUP_TREE ? " what stays is hunted in /proc" : "");
}

static int open_all(struct local *l)
{
	l->data = open(l->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->data < 0 || l->epoll < 0 || l->wake < 0)
		return SL_E_IO;
	struct epoll_event wake_event = {.events = EPOLLIN, .data.ptr = &l->on_wake};
	struct epoll_event spawner_event = {.events = EPOLLIN, .data.ptr = &l->on_spawner};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &wake_event) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->sock, &spawner_event) < 0)
		return SL_E_IO;
	return 0;
}

/** The engine's thread takes no signals: they are main's. */
static int start_thread(struct local *l)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&l->thread, NULL, follow_thread, l);
	l->has_thread = errno == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return l->has_thread ? 0 : SL_E_NO_MEMORY;
}

#define START_WORDS "out of memory, or no thread left (ulimit -u, TasksMax of the service)"

static int fail(struct local *l, int rc, struct sl_error *err)
{
	sl_fail(err, (enum sl_err)rc, "the local engine: %s",
		rc == SL_E_IO ? strerror(errno) : START_WORDS);
	local_free(&l->base);
	return rc;
}

int local_make(const struct local_config *config, const struct spawner *spawner,
	       const struct local_hooks *hooks, struct local **ret, struct sl_error *err)
{
	struct local *l = calloc(1, sizeof(*l));
	if (!l)
		return sl_fail(err, SL_E_NO_MEMORY, "the local engine");
	l->base.ops = &ops;
	l->hooks = *hooks;
	l->sock = spawner->sock;
	note_lacks(l, &spawner->can);
	l->users = spawner->can.users;
	l->data = l->epoll = l->wake = -1;
	l->on_wake = (struct watch){WATCH_WAKE, NULL};
	l->on_spawner = (struct watch){WATCH_SPAWNER, NULL};
	list_init(&l->due);
	list_init(&l->forgets);
	list_init(&l->again);
	int rc = copy_config(l, config);
	if (!rc)
		rc = attempts_init(&l->attempts, ATTEMPTS_MAX);
	if (!rc)
		rc = queue_init(&l->queue, l->config.slots, l->config.ageing_ms);
	if (!rc)
		rc = mailbox_create(ORDERS_MAX, wake, l, &l->box);
	if (!rc)
		rc = open_all(l);
	if (!rc)
		rc = logwatch_create(l->data_dir, &l->logwatch);
	if (!rc)
		rc = remover_create(l->data, erased, l, &l->remover);
	if (rc)
		return fail(l, rc, err);
	*ret = l;
	return 0;
}

int local_create(const struct local_config *config, const struct spawner *spawner,
		 const struct local_hooks *hooks, struct engine **ret, struct sl_error *err)
{
	struct local *l;
	int rc = local_make(config, spawner, hooks, &l, err);
	if (rc)
		return rc;
	rc = start_thread(l);
	if (rc)
		return fail(l, rc, err);
	*ret = &l->base;
	return 0;
}
