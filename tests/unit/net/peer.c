#include "tests/unit/net/peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void must(bool fine, const char *what)
{
	if (!fine) {
		perror(what);
		abort();
	}
}

struct visit {
	struct peer *peer;
	int fd, slot;
};

static void *serve(void *user)
{
	struct visit v = *(struct visit *)user;
	free(user);
	v.peer->script(v.peer, v.fd);
	pthread_mutex_lock(&v.peer->lock);
	close(v.fd);
	v.peer->fd[v.slot] = -1;
	v.peer->ended++;
	pthread_cond_broadcast(&v.peer->changed);
	pthread_mutex_unlock(&v.peer->lock);
	return NULL;
}

static void *accept_all(void *user)
{
	struct peer *p = user;
	for (int fd; (fd = accept(p->listen_fd, NULL, NULL)) >= 0;) {
		struct visit *v = malloc(sizeof(*v));
		int on = 1;
		must(v != NULL, "malloc");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		pthread_mutex_lock(&p->lock);
		if (p->stopping || p->accepted == PEER_CONNECTIONS_MAX) {
			pthread_mutex_unlock(&p->lock);
			close(fd);
			free(v);
			continue;
		}
		*v = (struct visit){p, fd, (int)p->accepted};
		p->fd[v->slot] = fd;
		must(pthread_create(&p->servant[v->slot], NULL, serve, v) == 0, "thread");
		p->accepted++;
		pthread_cond_broadcast(&p->changed);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static void begin(struct peer *p, int fd, peer_script_fn script)
{
	memset(p, 0, sizeof(*p));
	p->listen_fd = fd;
	p->script = script;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
}

void peer_start(struct peer *p, peer_script_fn script)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	begin(p, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), script);
	must(bind(p->listen_fd, (struct sockaddr *)&in, len) == 0, "bind");
	must(listen(p->listen_fd, 256) == 0, "listen");
	must(getsockname(p->listen_fd, (struct sockaddr *)&in, &len) == 0, "getsockname");
	p->port = ntohs(in.sin_port);
	snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d/check", p->port);
	must(pthread_create(&p->acceptor, NULL, accept_all, p) == 0, "thread");
}

void peer_start_unix(struct peer *p, const char *path, peer_script_fn script)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	begin(p, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), script);
	must(bind(p->listen_fd, (struct sockaddr *)&un, sizeof(un)) == 0, "bind");
	must(listen(p->listen_fd, 256) == 0, "listen");
	snprintf(p->url, sizeof(p->url), "unix:%s:/check", path);
	must(pthread_create(&p->acceptor, NULL, accept_all, p) == 0, "thread");
}

void peer_stop(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->changed);
	for (unsigned i = 0; i < p->accepted; i++)
		if (p->fd[i] >= 0)
			shutdown(p->fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&p->lock);
	shutdown(p->listen_fd, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	for (unsigned i = 0; i < p->accepted; i++)
		pthread_join(p->servant[i], NULL);
	close(p->listen_fd);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
}

bool peer_read(struct peer *p, int fd)
{
	char at[PEER_REQUEST_MAX + 1];
	size_t have = 0, need = SIZE_MAX;
	while (have < need) {
		ssize_t n = recv(fd, at + have, PEER_REQUEST_MAX - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
		at[have] = '\0';
		const char *end = strstr(at, "\r\n\r\n");
		const char *length = strcasestr(at, "\r\nContent-Length:");
		if (end)
			need = (size_t)(end + 4 - at) +
			       (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
	}
	pthread_mutex_lock(&p->lock);
	p->requests++;
	memcpy(p->last, at, have + 1);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return true;
}

void peer_send_bytes(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void peer_send(int fd, const char *text) { peer_send_bytes(fd, text, strlen(text)); }

void peer_meet(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->inside++;
	if (p->inside > p->inside_most)
		p->inside_most = p->inside;
	pthread_cond_broadcast(&p->changed);
	while (p->inside_most < p->want && !p->stopping)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void peer_part(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->inside--;
	pthread_mutex_unlock(&p->lock);
}

void peer_await_close(int fd)
{
	char rest[256];
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
}

void peer_await_ended(struct peer *p, unsigned count)
{
	pthread_mutex_lock(&p->lock);
	while (p->ended < count)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void peer_await_requests(struct peer *p, unsigned count)
{
	pthread_mutex_lock(&p->lock);
	while (p->requests < count)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void peer_ok(struct peer *p, int fd)
{
	while (peer_read(p, fd))
		peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

void peer_hang(struct peer *p, int fd)
{
	if (peer_read(p, fd))
		peer_await_close(fd);
}
