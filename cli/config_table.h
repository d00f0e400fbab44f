/* The table of all settings, and how one of them is read and written.
 *
 * Used by the files cli/config*.c only. Immutable: any thread. */
#pragma once

#include "cli/config.h"

enum config_type {
	CONFIG_TEXT,
	CONFIG_ADDRESS,  /**< ADDR:PORT */
	CONFIG_GROUP,    /**< A cgroup from the top of its tree, "/a/b"; or "". */
	CONFIG_BOOL,     /**< bool */
	CONFIG_COUNT,    /**< int64_t */
	CONFIG_SIZE,     /**< int64_t, bytes */
	CONFIG_DURATION, /**< int64_t, milliseconds */
	CONFIG_CHOICE,   /**< int64_t, the place in `choices` */
	CONFIG_HOSTS,    /**< struct config_list, as the next four */
	CONFIG_NETWORKS,
	CONFIG_POINTERS, /**< JSON pointers */
	CONFIG_DIRS,     /**< Absolute paths. */
	CONFIG_CLASSES,  /**< NAME=NUMBER, the number of 32 bits. */
	CONFIG_RIGHTS,   /**< What an engine allows a pod: fields' names, hostPath:DIR. */
	CONFIG_LEVELS,   /**< TOPIC=LEVEL */
};

struct config_key {
	const char *name;
	enum config_type type;
	size_t at;            /**< Where in struct config. */
	int64_t min, max;     /**< Of numbers. */
	const char *choices;  /**< "proper|always_200" */
	const char *standard; /**< The default as a person would write it; "" is empty. */
	const char *help;     /**< One line, no full stop needed elsewhere. */
	bool live;            /**< Takes effect when the configuration is read again. */
};

struct config_section {
	const char *name; /**< "limits", "engines.local"; "" for the outermost keys. */
	const char *help;
	const struct config_key *key;
	size_t n;
};

SL_BEGIN_DECLS

extern const struct config_section config_sections[];
extern const size_t config_section_count;

static inline bool config_is_list(const struct config_key *key)
{
	return key->type >= CONFIG_HOSTS;
}

/** "limits.body" */
void config_key_name(const struct config_section *section, const struct config_key *key,
		     struct buf *to);
/** "SLUICE_LIMITS_BODY" */
void config_env_name(const struct config_section *section, const struct config_key *key,
		     struct buf *to);

/** Read `text` (for lists `n` elements, else one) into the key's place. */
SL_MUST_USE int config_value_set(struct config *config, const struct config_key *key,
				 const struct bytes *text, size_t n, struct sl_error *err);
/** As config_value_set() from one text; a list's elements stand between commas. */
SL_MUST_USE int config_value_parse(struct config *config, const struct config_key *key,
				   const char *text, struct sl_error *err);
/** The value as YAML: `64 KiB`, `[a, b]`. */
void config_value_print(const struct config *config, const struct config_key *key, struct buf *to);

void config_type_print(const struct config_key *key, struct buf *to); /**< "size" */
/** "1 KiB to 256 MiB"; nothing where the type has no range. */
void config_range_print(const struct config_key *key, struct buf *to);

SL_END_DECLS
