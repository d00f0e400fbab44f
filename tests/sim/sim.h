/* One simulated gateway: the real driver, registry, writer and memory store, without a
 * thread of their own, between plugins and an engine that a seed makes slow, down, lying
 * or lost. The seed also submits, stops and resumes jobs, turns features on and off, lets
 * commits fail, and pulls the plug at any step.
 *
 *   world.c    building it, pulling the plug, starting again
 *   plugins.c  what the plugins answer
 *   steps.c    what happens next
 *   hold.c     who is held
 *   hooks.c    what LifeHooks must be told, and are
 *   check.c    what must hold after every step
 *   check_line.c   what must hold of those who wait for a plugin
 *   main.c     seeds, the calm at the end
 *
 * A broken invariant ends the program with the seed, the step and the words. */
#pragma once

#include "core/driver.h"
#include "core/hooks.h"
#include "core/registry.h"
#include "tests/lib/fake_executor.h"
#include "tests/lib/seeded.h"
#include "tests/lib/served.h"
#include "tests/lib/sim_engine.h"

enum { SIM_JOBS_MAX = 20, SIM_GATES = 4, SIM_SHAPES = 11, SIM_NEVER_FITS = 7 };
enum { SIM_HOOKS = 2, SIM_CHANGES_MAX = 256 };
enum { SIM_KEEP = 12, SIM_KEEP_MS = 1200000 };

enum sim_plugin {
	SIM_G1, /* the gates first: also the index of sim_job.gate */
	SIM_G2,
	SIM_G3,
	SIM_G4, /* of a feature that is turned on and off */
	SIM_T1,
	SIM_T2,
	SIM_F1,
	SIM_F2,
	SIM_D1,
	SIM_D2,
	SIM_B1,
	SIM_B2,
	SIM_H1, /* LifeHooks: of everything; of a feature that is turned and deleted */
	SIM_H2,
	SIM_PLUGINS,
};

enum sim_hold { SIM_HOLD_ALL, SIM_HOLD_K1, SIM_HOLDS };

enum sim_mood { MOOD_GOOD, MOOD_DOWN, MOOD_ERROR, MOOD_HANGS, MOOD_SLOW, MOOD_LIES, MOODS };

/** What the simulation knows of a job from outside. */
struct sim_job {
	struct uuid id;
	char document[2400]; /**< As submitted, for a rerun. */
	const char *kind;
	unsigned shape;
	bool gates, decorated;
	bool held;          /**< Stored while a hold concerned it, which still does... */
	unsigned held_turn; /**< ...since this turn. */
	bool stopped;       /**< A stop was answered with success. */
	bool erased;        /**< Erasing it was answered with success. */
	bool gone;          /**< Seen to be out of the book. */
	unsigned gone_step; /**< When it was. */
	int64_t finished_ms;
	bool was_waiting; /**< Seen in waiting, running or with an outcome of a run. */
	enum job_state state;
	bool final;
	unsigned final_turn;
	uint32_t events; /**< Read so far. */
	int64_t created_ms;
	int64_t parked_ms; /**< As last seen, until it is called again. */
	int64_t since_ms;
	int64_t seen_ms;       /**< When it was first seen parked for `parked_ms`. */
	bool parked;           /**< Now. */
	unsigned resumed_turn; /**< Of the last resume. */
	bool begun;
	enum job_state chain; /**< State by its events. */
	bool started[4][8];   /**< Replicas, by its events: role a is 0. */
	uint32_t sequence;    /**< Of its last change in the feed. */
	struct {
		bool passed, excused; /**< Excused: suspended or failed open. */
		bool stopped;         /**< It said so, and its gateway lives. */
		unsigned life;
		char webhook[100];
	} gate[SIM_GATES];
};

/** One change of a job, and one LifeHook. */
struct sim_told {
	bool wanted, done; /**< It is to hear of it; it has acknowledged or refused it. */
	unsigned epoch;    /**< Of the registration that was in force. */
	unsigned life;     /**< In which it was done. */
	unsigned turns;    /**< The hook's, when it was sent. */
	enum job_state state;
	char webhook[100];
};

struct sim_hook {
	unsigned epoch; /**< Grows when it is deleted. */
	bool gone;      /**< It has answered 410 since it was turned on. */
	unsigned turns; /**< How often it was turned on. */
	struct sim_told told[SIM_JOBS_MAX][SIM_CHANGES_MAX];
};

struct sim {
	uint64_t seed;
	unsigned step, turn, life;
	bool calm, talk;
	struct seeded random;
	struct fake_clock clock;
	struct fake_executor executor;
	struct sim_engine engine;
	struct store *store;
	struct writer *writer;
	struct registry *registry;
	struct driver *driver;
	struct hooks *hooks;
	struct sim_hook *hook; /* SIM_HOOKS of them */
	uint64_t feed;         /* read so far */
	enum sim_mood mood[SIM_PLUGINS];
	struct sim_job job[SIM_JOBS_MAX];
	size_t jobs;
	uint8_t secret[32];
	bool held[SIM_HOLDS]; /* in force */
	unsigned holds;       /* for the summary, as the next */
	unsigned submitted, crashes, stops, resumes, calls, told, erased, parkings,
		reruns; /* for the summary */
};

/* world.c */
void world_open(struct sim *s, uint64_t seed);
void world_close(struct sim *s);
void world_crash(struct sim *s);
int world_turn_feature(struct sim *s, const char *name, bool on);
int world_delete_feature(struct sim *s, const char *name);
void world_register_hook(struct sim *s); /* h2, which may be there already */
/* plugins.c */
extern const char *const sim_plugin_path[SIM_PLUGINS];
void plugins_attach(struct sim *s);
/* steps.c */
extern const char *const sim_shapes[SIM_SHAPES];
void steps_random(struct sim *s);
void steps_turn(struct sim *s);
int steps_resume(struct sim *s, struct sim_job *job, bool recheck);
int steps_stop(struct sim *s, struct sim_job *job);
void steps_hold(struct sim *s, const char *kind, bool hold); /* "": all kinds */
int steps_erase(struct sim *s, struct sim_job *job);
/* hold.c */
void hold_entered(const struct sim *s, struct sim_job *job); /* stored, or resumed */
void hold_changed(struct sim *s, const char *kind, bool hold);
void hold_crashed(struct sim *s);
void hold_check_call(struct sim *s, const struct sim_job *job, const char *url);
/* hooks.c */
void hooks_read_feed(struct sim *s);
void hooks_answer(struct sim *s, enum sim_plugin plugin, const struct fake_call *c,
		  struct fake_answer *ret);
void hooks_telling(struct sim *s, enum sim_plugin plugin, const struct fake_call *c);
void hooks_turn_feature(struct sim *s, bool on);
void hooks_delete_feature(struct sim *s);
void hooks_crashed(struct sim *s);
size_t hooks_left(struct sim *s); /* deliveries that are pending */
void hooks_check_rest(struct sim *s);
/* check.c */
void check_all(struct sim *s, bool thorough);
/** Is anything left of jobs that are gone? */
bool check_leftovers(struct sim *s);
/** Is it the turn of this job with that plugin? (check_line.c) */
void check_turn(struct sim *s, struct sim_job *job, const char *plugin);
void check_lines(struct sim *s, struct store_txn *txn, uint64_t places, uint64_t answers);
struct sim_job *sim_find(struct sim *s, struct uuid id);
void sim_wrong(const struct sim *s, const struct sim_job *job, const char *fmt, ...) SL_PRINTF(3, 4)
	__attribute__((noreturn));
