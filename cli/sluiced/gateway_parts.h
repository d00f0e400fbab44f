/* What a gateway is made of. Private to gateway.c, which opens and closes the parts, and front.c,
 * which opens those that callers see. Threads: main, unless it is said. */
#pragma once

#include "api/api.h"
#include "cli/sluiced/gateway.h"
#include "cli/sluiced/telemetry.h"

enum { PATH_MAX_BYTES = 4096 };

/** All parts of a gateway; NULL: not open, or not wanted. Owned, but for the first two. */
struct gateway {
	const struct config *config;
	struct log *log;
	uint8_t secret_key[CRYPT_KEY_SIZE];
	char unix_dir[PATH_MAX_BYTES];
	const char *unix_dirs_default[2];
	struct http_config http;
	struct store *store;
	struct writer *writer;
	struct executor *executor, *hooks_executor;
	struct registry *registry;
	struct driver *driver;
	struct hooks *hooks;
	struct engine *local, *null;
	struct admin *admin;
	struct token_book *tokens;
	struct auth *auth;
	struct streams *streams;
	struct telemetry telemetry;
	struct news *news;
	struct api api;
	struct buf description; /**< openapi.json */
	struct tls *tls;        /**< NULL: the API speaks no TLS. */
	struct server *server;
	int store_lost; /**< Set once, by the writer's thread. */
};
