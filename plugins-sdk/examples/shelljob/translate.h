/* The translator itself: a ShellJob becomes a TaskSet.
 *
 *   kind: ShellJob
 *   script: make && make test          # either one script ...
 *   steps:                             # ... or named steps; each waits for the one
 *     - {name: fetch, run: ./fetch}    # before it, unless `after` names others
 *     - {name: parse, run: ./parse}
 *     - {name: index, run: ./index, after: [fetch], env: {LEVEL: "2"}}
 *   env: {LANG: C.UTF-8}               # for every step
 *   replicas: 2, cpu: "1", memory: 256Mi, timeout: 600, retries: 1
 *
 * A step may carry its own env, replicas, cpu, memory, timeout and retries. No I/O, no
 * state: any thread. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct words {
	char text[256]; /**< What is wrong and where; for a person. */
};

/** The TaskSet for a job and its header; NULL with `why` filled in. The caller owns the answer
 * (json_object_put). */
struct json_object *translate(struct json_object *header, struct json_object *job,
			      struct words *why);
