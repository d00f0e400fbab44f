/* How each plugin stands: its calls in flight, the asks that wait for a place among them,
 * and its circuit breaker; likewise the breakers of places (host and port), which only
 * count connections that do not come about.
 *
 * Kept by plugin key, over generations of the registry; what a breaker knows is about the
 * plugin's addresses, and forgotten when these change. A plugin that is known of costs
 * about 300 bytes; beyond STANDINGS_MAX of them, and PLACES_MAX places, nothing is
 * remembered of those that are idle.
 *
 * Layer 2. Threads: all is the loop's, but for standings_read() and standings_each(),
 * which any thread may call. Owned by core/calls/caller. */
#pragma once

#include "core/base/list.h"
#include "core/calls/breaker.h"
#include "core/plugin.h"

enum { STANDINGS_MAX = 40000, PLACES_MAX = 4096, STANDING_WHY_MAX = 160 };

struct standings;

/** One plugin; everything but `in_flight`, `waiting` and `line` is guarded inside. */
struct standing {
	struct standing *next;
	uint32_t in_flight, waiting; /**< Calls; asks that wait for a place. */
	uint64_t failed_open;        /**< Times it was passed over by failurePolicy ignore. */
	uint64_t addresses;          /**< What the breaker is about: a hash of them. */
	struct breaker breaker;
	char why[STANDING_WHY_MAX]; /**< Of the last failure. */
	/* the caller's own */
	struct list line;    /**< Those that wait, the next first. */
	bool held;           /**< Jobs in the store are before those in line. */
	uint64_t came, went; /**< Numbers in line: given, last taken out. */
	char key[];
};

/** As somebody else may see it. */
struct standing_view {
	const char *key; /**< Borrowed for the length of a callback; NULL from standings_read(). */
	uint32_t in_flight, waiting;
	uint64_t failed_open;
	enum breaker_state breaker;
	uint64_t openings; /**< How often the breaker opened. */
	int64_t until_ms;  /**< Open: not asked before this, monotonic. */
};

SL_BEGIN_DECLS

SL_MUST_USE int standings_create(struct standings **ret);
struct standings *standings_free(struct standings *s);

/** The one of this plugin, made where there is none; NULL: out of memory. */
struct standing *standings_take(struct standings *s, const char *key);
struct standing *standings_find(struct standings *s, const char *key); /**< Or NULL. */
/** Nobody uses it just now: it goes if it has nothing to remember, or there are too many. */
void standings_put(struct standings *s, struct standing *of);

void standing_count(struct standings *s, struct standing *of, int in_flight, int waiting);
void standings_failed_open(struct standings *s, const char *key); /**< One more. */

/* ---- breakers: of the plugin, and of the place that an address goes to ---- */

/** What one attempt holds of them. */
struct attempt {
	bool plugin_probe, place_probe, counted;
};

/** May the plugin be asked at all? Otherwise `why` says since what (for a person). */
bool standing_lets(struct standings *s, struct standing *of, const struct plugin *plugin,
		   int64_t now_ms, char *why, size_t size);
/** May a connection be made to where this address goes? */
bool standings_place_lets(struct standings *s, const char *address, int64_t now_ms, char *why,
			  size_t size);
void standing_begin(struct standings *s, struct standing *of, const struct plugin *plugin,
		    const char *address, int64_t now_ms, struct attempt *ret);
enum attempt_end { ATTEMPT_ANSWERED, ATTEMPT_FAILED, ATTEMPT_UNREACHED, ATTEMPT_DROPPED };
void standing_end(struct standings *s, struct standing *of, const struct plugin *plugin,
		  const char *address, const struct attempt *attempt, enum attempt_end how,
		  const char *why, int64_t now_ms);

/** With a new generation of the registry: forget those that are off or gone, and the
 * breakers of those whose addresses are others. `find` gives the plugin or NULL. */
typedef const struct plugin *(*standing_find_fn)(const void *user, const char *key);
void standings_sweep(struct standings *s, standing_find_fn find, const void *user);

/* ---- for others ---- */

/** False: nothing is known of it. */
bool standings_read(struct standings *s, struct bytes key, struct standing_view *ret);
typedef void (*standing_fn)(void *user, const struct standing_view *view);
/** Each plugin, in no order; `each` must be short and not call back. */
void standings_each(struct standings *s, standing_fn each, void *user);

SL_DEFINE_SCOPED(struct standings, standings_free)

SL_END_DECLS
