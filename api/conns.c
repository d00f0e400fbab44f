#include "api/conns.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* FRESH -> ARRIVING -> SERVING -> IDLE -> ARRIVING ...; DROPPING before the end. */
enum { PAUSE_MS = 10 };

enum at { FREE, FRESH, ARRIVING, DROPPING, SERVING, IDLE };

struct conn {
	struct conns *owner;
	_Atomic int at;              /* enum at */
	_Atomic int64_t since_us;    /* Of this state. */
	_Atomic int64_t deadline_us; /* ARRIVING, DROPPING: cut then. IDLE: 0, or when half a
				      * request was seen. */
	atomic_bool cut, surplus;
	/* Under the lock: */
	bool known; /* peer and port are set */
	struct sockaddr_in peer;
	in_port_t port; /* Ours, network order. */
	int fd;         /* Where the socket was found last, or -1. */
};

struct conns {
	struct conns_config config;
	unsigned places;
	atomic_uint open, serving;
	atomic_bool drain;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool stop, hurry;
	struct conn conn[];
};

static int64_t now_us(const struct conns *c) { return clock_mono_us(c->config.clock); }

/* ---- finding and cutting sockets ---- */

static bool same_peer(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Is this descriptor the connection's socket? */
static bool is_socket_of(int fd, const struct conn *conn)
{
	struct sockaddr_in peer, own;
	socklen_t len = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || peer.sin_family != AF_INET ||
	    !same_peer(&peer, &conn->peer))
		return false;
	len = sizeof(own);
	return getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.sin_port == conn->port;
}

/* Look once through our descriptors for the sockets of connections that have none yet. */
static void find_sockets(struct conns *c)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] == '.' ||
		    getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ||
		    peer.sin_family != AF_INET)
			continue;
		for (unsigned i = 0; i < c->places; i++)
			if (c->conn[i].known && c->conn[i].fd < 0 &&
			    same_peer(&peer, &c->conn[i].peer) && is_socket_of(fd, &c->conn[i]))
				c->conn[i].fd = fd;
	}
	closedir(dir);
}

/* A duplicate of the connection's socket, which cannot become another's while we look
 * at it; -1 if it is not where it was. */
static int hold_socket(struct conn *conn)
{
	int fd = conn->fd < 0 ? -1 : fcntl(conn->fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0 && is_socket_of(fd, conn))
		return fd;
	if (fd >= 0)
		close(fd);
	conn->fd = -1;
	return -1;
}

/* Only the reading side: whatever is being answered still gets its answer. */
static void cut(struct conn *conn)
{
	int fd = hold_socket(conn);
	if (fd < 0)
		return;
	atomic_store(&conn->cut, true);
	shutdown(fd, SHUT_RD);
	close(fd);
}

/* Have bytes come since it became idle? */
static bool half_sent(struct conn *conn, int64_t now, int64_t since)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int fd = hold_socket(conn);
	if (fd < 0)
		return false;
	bool known = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0;
	close(fd);
	/* 20 ms: the kernel's clock is coarse, and the last request came before. */
	return known && now - (int64_t)info.tcpi_last_data_recv * 1000 > since + 20000;
}

/* ---- looking ---- */

static void look_at_idle(struct conns *c, struct conn *conn, int64_t now)
{
	int64_t since = atomic_load(&conn->since_us), deadline = atomic_load(&conn->deadline_us);
	if (atomic_load(&c->drain)) {
		cut(conn);
	} else if (deadline) {
		if (now > deadline)
			cut(conn);
	} else if (half_sent(conn, now, since)) {
		/* A request that is whole by now has left this state: nothing is changed then. */
		int64_t none = 0;
		atomic_compare_exchange_strong(&conn->deadline_us, &none,
					       now + c->config.request_ms * 1000);
	} else if (now - since > c->config.idle_ms * 1000) {
		cut(conn);
	}
}

static void look_at(struct conns *c, struct conn *conn, int64_t now)
{
	switch ((enum at)atomic_load(&conn->at)) {
	case IDLE:
		look_at_idle(c, conn, now);
		break;
	case ARRIVING:
	case DROPPING:
		if (now > atomic_load(&conn->deadline_us))
			cut(conn);
		break;
	default:
		break;
	}
}

static unsigned free_places(const struct conns *c)
{
	unsigned open = atomic_load(&c->open);
	return open < c->config.limit ? c->config.limit - open : 0;
}

/* End the oldest idle ones, as many as places are missing. */
static void make_room(struct conns *c)
{
	unsigned room = free_places(c);
	for (; room < c->config.spare; room++) {
		struct conn *oldest = NULL;
		for (unsigned i = 0; i < c->places; i++) {
			struct conn *conn = &c->conn[i];
			if (atomic_load(&conn->at) == IDLE && conn->fd >= 0 &&
			    !atomic_load(&conn->cut) &&
			    (!oldest ||
			     atomic_load(&conn->since_us) < atomic_load(&oldest->since_us)))
				oldest = conn;
		}
		if (!oldest)
			return;
		cut(oldest);
	}
}

static void look(struct conns *c)
{
	bool missing = false;
	int64_t now = now_us(c);
	for (unsigned i = 0; i < c->places; i++)
		missing |= c->conn[i].known && c->conn[i].fd < 0;
	if (missing)
		find_sockets(c);
	for (unsigned i = 0; i < c->places; i++)
		if (c->conn[i].known && !atomic_load(&c->conn[i].cut))
			look_at(c, &c->conn[i], now);
	if (free_places(c) < c->config.spare)
		make_room(c);
}

static void sleep_ms(struct conns *c, unsigned ms, bool until_hurry)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!c->stop && !(until_hurry && c->hurry) &&
	       pthread_cond_timedwait(&c->wake, &c->lock, &until) == 0)
		;
}

static void *run(void *user)
{
	struct conns *c = user;
	int64_t ticked = now_us(c);
	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		sleep_ms(c, PAUSE_MS, false); /* However great the hurry. */
		sleep_ms(c, CONNS_LOOK_MS - PAUSE_MS, true);
		c->hurry = false;
		if (!c->stop && atomic_load(&c->open))
			look(c);
		if (!c->stop && now_us(c) - ticked >= 1000000 && c->config.tick) {
			ticked = now_us(c);
			pthread_mutex_unlock(&c->lock);
			c->config.tick(c->config.user);
			pthread_mutex_lock(&c->lock);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- life ---- */

int conns_create(const struct conns_config *config, struct conns **ret)
{
	unsigned places = config->limit + config->surplus;
	struct conns *c = calloc(1, sizeof(*c) + places * sizeof(c->conn[0]));
	pthread_condattr_t attr;
	if (!c)
		return SL_E_NO_MEMORY;
	c->config = *config;
	c->places = places;
	for (unsigned i = 0; i < places; i++) {
		c->conn[i].owner = c;
		c->conn[i].fd = -1;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&c->thread, NULL, run, c) != 0) {
		pthread_cond_destroy(&c->wake);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return SL_E_NO_MEMORY;
	}
	*ret = c;
	return 0;
}

static void hurry(struct conns *c)
{
	pthread_mutex_lock(&c->lock);
	c->hurry = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

struct conns *conns_free(struct conns *c)
{
	if (!c)
		return NULL;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

struct conn *conn_open(struct conns *c)
{
	struct conn *conn = NULL;
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->places && !conn; i++)
		if (atomic_load(&c->conn[i].at) == FREE)
			conn = &c->conn[i];
	if (conn) {
		unsigned open = atomic_fetch_add(&c->open, 1);
		atomic_store(&conn->surplus, open >= c->config.limit);
		atomic_store(&conn->cut, false);
		atomic_store(&conn->since_us, now_us(c));
		atomic_store(&conn->deadline_us, 0);
		conn->known = false;
		conn->fd = -1;
		atomic_store(&conn->at, FRESH);
		if (free_places(c) < c->config.spare) {
			c->hurry = true;
			pthread_cond_signal(&c->wake);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return conn;
}

void conn_close(struct conn *conn)
{
	if (!conn)
		return;
	struct conns *c = conn->owner;
	pthread_mutex_lock(&c->lock);
	if (atomic_load(&conn->at) == SERVING)
		atomic_fetch_sub(&c->serving, 1);
	conn->known = false;
	conn->fd = -1;
	atomic_store(&conn->at, FREE);
	atomic_fetch_sub(&c->open, 1);
	pthread_mutex_unlock(&c->lock);
}

int conn_socket(struct conn *conn)
{
	struct conns *c = conn->owner;
	pthread_mutex_lock(&c->lock);
	if (conn->known && conn->fd < 0)
		find_sockets(c);
	int fd = hold_socket(conn);
	pthread_mutex_unlock(&c->lock);
	return fd;
}

bool conn_is_surplus(const struct conn *conn) { return atomic_load(&conn->surplus); }
bool conn_was_cut(const struct conn *conn) { return atomic_load(&conn->cut); }

void conn_arriving(struct conn *conn, const struct sockaddr_in *peer, in_port_t port)
{
	struct conns *c = conn->owner;
	int64_t from = now_us(c);
	if (atomic_load(&conn->at) == FRESH) {
		from = atomic_load(&conn->since_us);
		pthread_mutex_lock(&c->lock);
		conn->peer = *peer;
		conn->port = port;
		conn->known = true;
		pthread_mutex_unlock(&c->lock);
	}
	/* Half of it was seen before: then its time runs from there. */
	int64_t none = 0;
	atomic_compare_exchange_strong(&conn->deadline_us, &none,
				       from + c->config.request_ms * 1000);
	atomic_store(&conn->at, ARRIVING);
}

void conn_dropping(struct conn *conn, int64_t ms)
{
	int64_t until = now_us(conn->owner) + ms * 1000;
	if (until < atomic_load(&conn->deadline_us) || atomic_load(&conn->at) == SERVING)
		atomic_store(&conn->deadline_us, until);
	if (atomic_exchange(&conn->at, DROPPING) == SERVING)
		atomic_fetch_sub(&conn->owner->serving, 1);
}

void conn_serving(struct conn *conn)
{
	if (atomic_exchange(&conn->at, SERVING) != SERVING)
		atomic_fetch_add(&conn->owner->serving, 1);
}

void conn_idle(struct conn *conn)
{
	struct conns *c = conn->owner;
	atomic_store(&conn->since_us, now_us(c));
	atomic_store(&conn->deadline_us, 0);
	if (atomic_exchange(&conn->at, IDLE) == SERVING)
		atomic_fetch_sub(&c->serving, 1);
	if (atomic_load(&c->drain))
		hurry(c);
}

void conns_drain(struct conns *c)
{
	atomic_store(&c->drain, true);
	hurry(c);
}

void conns_shut_port(in_port_t port)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		struct sockaddr_in own;
		socklen_t len = sizeof(own);
		int fd = entry->d_name[0] == '.' ? -1
						 : fcntl(atoi(entry->d_name), F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			continue;
		if (getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
		    own.sin_family == AF_INET && own.sin_port == port)
			shutdown(fd, SHUT_RD);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

unsigned conns_open(struct conns *c) { return atomic_load(&c->open); }
unsigned conns_serving(struct conns *c) { return atomic_load(&c->serving); }
