/* One run of sluicectl: what was asked, of whom, and how to answer.
 *
 * One thread. Everything small lives in the arena and dies with the run; what repeats
 * (watching, following) uses memory of its own. Failures are told once, on standard
 * error, where they happen: a function that returns an enum ctl_exit other than
 * CTL_DONE has told it, unless its comment says otherwise. */
#pragma once

#include "cli/sluicectl/command.h"
#include "core/base/arena.h"
#include "core/base/buf.h"

struct requester;

enum ctl_exit {
	CTL_DONE = 0,
	CTL_REFUSED = 1, /**< Refused, failed, or a job that did not succeed. */
	CTL_USAGE = 2,
	CTL_OFFLINE = 3, /**< No connection. */
};

enum ctl_format { FORMAT_TABLE, FORMAT_WIDE, FORMAT_PLAIN, FORMAT_JSON, FORMAT_YAML };

/** What the common options said; NULL where not given. */
struct ctl_common {
	const char *format, *server, *token, *cacert, *cert, *key;
};

struct ctl {
	const struct command *command;
	void *options; /**< Of command->size bytes. */
	char **args;
	int arg_count;
	struct ctl_common common;
	enum ctl_format format;
	const char *server;              /**< "http://127.0.0.1:8080": no slash at its end. */
	const char *token;               /**< NULL: none. */
	const char *cacert, *cert, *key; /**< Files for https; NULL: none. */
	struct requester *requester;
	struct arena *arena;
	bool out_tty, err_tty;
};

SL_BEGIN_DECLS

/** Take the command line apart. --help and --version print and exit 0, a wrong one tells
 * why and exits 2. Command-line tokens are overwritten where `ps` would show them. */
int ctl_parse(struct ctl *ctl, int argc, char **argv);

/** Find out format, server and token: options, environment, context file, defaults. */
int ctl_resolve(struct ctl *ctl);

/** "sluicectl: ..." on standard error; returns `code`. */
int ctl_fail(enum ctl_exit code, const char *fmt, ...) SL_PRINTF(2, 3);
/** "  next: ...": what to do about it. */
void ctl_next(const char *fmt, ...) SL_PRINTF(1, 2);
/** For running out of memory. */
int ctl_no_memory(void);

/** Is the server on this machine? */
bool ctl_server_is_loopback(const struct ctl *ctl);

/** Read K=V texts into a JSON object, which jb_free() frees; NULL after an error (told). */
struct json_object *ctl_pairs(const struct texts *pairs);

/** A moment: RFC 3339, Unix seconds, or a span (90s, 15m, 2h, 3d) counted from `now_ms` by
 * `sign` (-1: ago, 1: from now). 0 or SL_E_INVALID. */
int when_parse(const char *text, int64_t now_ms, int sign, int64_t *ret_ms);

/** Ask on the terminal without echo; `to` gets the line. CTL_DONE, or an error (told). */
int prompt_secret(const char *question, struct buf *to);
/** Is there somebody to answer on standard input? */
bool prompt_possible(void);
/** After a question: does a line that begins with "y" come? */
bool prompt_yes(void);

SL_END_DECLS
