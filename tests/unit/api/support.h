/* A gateway's front for tests: memory store, real writer and server on 127.0.0.1, and a
 * client that sends exactly the bytes it is told. Everything asserts. */
#pragma once

#include "api/api.h"

struct front {
	struct store *store;
	struct writer *writer;
	struct api api;
	struct buf description;
	struct server *server;
	struct log *log;
};

struct got {
	int status;  /* 0: closed without an answer */
	bool closed; /* the server closed behind it */
	char text[256 * 1024];
	const char *body;
};

/* `config` may be NULL; its `clock`, `listen` and zero members get defaults. */
void front_start(struct front *front, const struct server_config *config);
void front_stop(struct front *front);

/* An access id with these privileges, made by the admin. */
void front_token(struct front *front, uint32_t privileges, char ret[CRYPT_ACCESS_ID_SIZE + 1]);

int client_connect(const struct front *front);
void client_send(int fd, const char *text);
/* False when the server closed before it was all out. */
bool client_send_bytes(int fd, const void *at, size_t len);
/* Read one answer (its head, and a body of Content-Length). */
void client_read(int fd, struct got *ret, bool head_only);
/* Connect, send, read one answer and whether the server then closes; close. */
void client_ask(const struct front *front, const char *text, struct got *ret);
/* As the admin (or with `token`): method, path and a JSON body or NULL. */
void client_call(const struct front *front, const char *method, const char *path, const char *token,
		 const char *body, struct got *ret);
/* Wait, with a generous ceiling, until the server closes the connection. */
bool client_sees_end(int fd);
