/* Plugins for the Sluice admission gateway: a function, and ten lines around it.
 *
 *	static void red_only(struct sluice_call *call, void *user)
 *	{
 *		const char *team = sluice_text(call, "team");
 *		if (team && strcmp(team, "red") == 0)
 *			sluice_pass(call, NULL);
 *		else
 *			sluice_stop(call, NULL, "only team red works here today");
 *	}
 *
 *	int main(int argc, char **argv)
 *	{
 *		struct sluice_app *app = sluice_app_create("red-gate", "me", "team red only");
 *		sluice_gate(app, NULL, red_only, NULL);
 *		return sluice_main(app, argc, argv);
 *	}
 *
 * Functions are called from several threads at once, each with a call of its own. What a
 * call points to lives until the function returns; json-c's objects of one call belong to
 * its thread. A function gives its answer by one of the functions below; the last one counts.
 * Given none, a decorator and a binder answer with call->job, a factor generator that it has
 * no advice, a hook that it is done; for the others that is a fault.
 *
 * Link with civetweb, json-c, libsodium and libcurl (pkg-config sluice-plugin). */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_PLUGIN_VERSION "0.1.0"

struct sluice_app;
struct sluice_answer;

/** A question about a job, or (for a hook) the news of a change. */
struct sluice_call {
	const char *id;          /**< The same over repeats: the idempotency key; "" if none. */
	const char *plugin_key;  /**< As registered; "" if none was told. */
	const char *traceparent; /**< W3C trace context; "" if none. */
	unsigned attempt;        /**< 1, 2, ... */
	bool dry_run;            /**< What would happen is asked for: change nothing. */
	int64_t deadline_ms;     /**< CLOCK_MONOTONIC; later is too late. INT64_MAX: none told. */

	struct json_object *factors; /**< By topic; NULL where there are none. */
	struct json_object *header;  /**< NULL for a hook. */
	struct json_object *job;     /**< To be added to by decorators. NULL for a hook. */

	struct json_object *change; /**< For a hook: all members, as sent. */
	const char *job_id;         /**< "" where it is no text. */
	const char *state;          /**< For a hook: current_state. */

	struct sluice_answer *answer; /**< Where the functions below put it. */
};

typedef void (*sluice_fn)(struct sluice_call *call, void *user);

/* ---- the app ---- */

/** NULL out of memory. The texts are copied; `description` may be NULL. */
struct sluice_app *sluice_app_create(const char *feature, const char *author,
				     const char *description);
struct sluice_app *sluice_app_free(struct sluice_app *app); /**< NULL, for the pointer. */

/** Add a function. `settings` (owned by the app afterwards, or NULL) is an object that goes into
 * the registration as it stands: "name" makes room for a second plugin of one type, "timeoutMs",
 * "jobSelector", ... False out of memory, or when there is one already: that ends sluice_main()
 * with words as well. */
bool sluice_translator(struct sluice_app *app, struct json_object *settings, sluice_fn fn,
		       void *user);
bool sluice_factors(struct sluice_app *app, struct json_object *settings, sluice_fn fn, void *user);
bool sluice_gate(struct sluice_app *app, struct json_object *settings, sluice_fn fn, void *user);
bool sluice_decorator(struct sluice_app *app, struct json_object *settings, sluice_fn fn,
		      void *user);
bool sluice_binder(struct sluice_app *app, struct json_object *settings, sluice_fn fn, void *user);
/** `states`: separated by commas, those to be told of. */
bool sluice_hook(struct sluice_app *app, const char *states, struct json_object *settings,
		 sluice_fn fn, void *user);

/** Which jobs: {"conditions", "expression"}; owned by the app afterwards. Without it, all. */
void sluice_app_select(struct sluice_app *app, struct json_object *selector);

/** A whole program: reads the options (--help tells them), serves until SIGTERM or SIGINT, frees
 * the app. What main() returns. */
int sluice_main(struct sluice_app *app, int argc, char **argv);

/* ---- what a function reads ---- */

/** A member of the header that is a text, or NULL. */
const char *sluice_text(const struct sluice_call *call, const char *member);
/** The object behind the names (ended by NULL) below `from`; absent ones are added. NULL where
 * something else stands in the way, or out of memory. */
struct json_object *sluice_object(struct json_object *from, ...) __attribute__((sentinel));
/** The n-th container of all roles of a TaskSet, or NULL behind the last. */
struct json_object *sluice_container(struct json_object *taskset, size_t n);

/* ---- what a function answers ---- */

/** Any answer, as JSON; owned by the call afterwards. For translators, and for those who
 * would rather build it themselves. */
void sluice_answer(struct sluice_call *call, struct json_object *answer);
/** One piece of advice; again for more. `reason` may be NULL. */
void sluice_factor(struct sluice_call *call, const char *topic, const char *advice,
		   const char *reason);
void sluice_pass(struct sluice_call *call, const char *reason); /**< `reason` may be NULL. */
/** `code` may be NULL. */
void sluice_stop(struct sluice_call *call, const char *code, const char *reason);

struct sluice_suspension {
	const char *code;
	unsigned retry_after_s; /**< Ask again then; 0: not by itself. */
	const char *expires_at; /**< RFC 3339: the job is stopped then. */
	bool ask_on_resume;     /**< Ask once more when resumed. */
};

/** `how` may be NULL: until somebody resumes it. */
void sluice_suspend(struct sluice_call *call, const char *reason,
		    const struct sluice_suspension *how);

void sluice_hook_again(struct sluice_call *call); /**< RE: tell me again later. */
/** EX: do not tell me again. */
void sluice_hook_exception(struct sluice_call *call, const char *words);

/** The job cannot be worked with: it fails, and its submitter reads these words. Name the place:
 * sluice_refuse(call, "job.steps[%zu].name: must be a text", i). */
void sluice_refuse(struct sluice_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** No answer can be given right now: the job waits, and the question comes again. */
void sluice_unavailable(struct sluice_call *call, unsigned seconds, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** Something went wrong in here: the words go to the log only. */
void sluice_fault(struct sluice_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- signatures: Standard Webhooks 1.0, https://www.standardwebhooks.com ---- */

enum { SLUICE_KEYS_MAX = 8, SLUICE_KEY_MAX = 64 };

struct sluice_keys {
	struct {
		uint8_t bytes[SLUICE_KEY_MAX];
		size_t len;
	} key[SLUICE_KEYS_MAX];
	size_t n;
};

/** "whsec_..." keys, separated by white space. False with words (static) for a bad one. */
bool sluice_keys_parse(const char *text, struct sluice_keys *ret, const char **ret_words);
/** Does a signature fit the bytes of the body? The header values may be NULL. */
bool sluice_is_signed(const struct sluice_keys *keys, const char *id, const char *timestamp,
		      const char *signature, const void *body, size_t len, int64_t now_s);

/* ---- the test kit: without a network ---- */

/** Ask the plugin at `path` ("/gate", "/gate/NAME") about a document, as JSON. The status;
 * `*ret_body` is to be freed. */
int sluice_send(struct sluice_app *app, const char *path, const char *body, char **ret_body);
/** Send the recorded calls of a file; tells on `differences` what came out otherwise than the file
 * says. How many did; -1 for a file that cannot be read. */
int sluice_replay(struct sluice_app *app, const char *file, FILE *differences);

#ifdef __cplusplus
}
#endif
