/* A command of sluicectl: one row says all that parsing, --help and completion need.
 *
 * commands.c lists them; each stands in a file of its own. Rows are immutable. Options
 * go by their kind into a struct that the command declares (zeroed before), at the
 * offset that its row names. */
#pragma once

#include "core/base/base.h"

struct ctl;

enum option_kind {
	OPTION_FLAG,  /**< bool */
	OPTION_TEXT,  /**< const char * */
	OPTION_TEXTS, /**< struct texts: may be given several times */
	OPTION_COUNT, /**< const char *: a whole number, checked; NULL when not given */
};

/** Several texts, in the order given. */
struct texts {
	const char **at;
	size_t n;
};

struct command_option {
	const char *name;
	char letter;       /**< 0: none. */
	const char *value; /**< What stands for the value in --help; NULL for flags. */
	enum option_kind kind;
	size_t at;
	const char *help;
	const char *choices; /**< "a|b": all that is allowed; NULL: anything. */
	const char *hints;   /**< "a|b": offered by completion. */
};

enum arg_kind { ARG_NAME, ARG_FILE };

struct command {
	const char *group; /**< "job"; NULL for `sluicectl NAME`. */
	const char *name;
	const char *args; /**< "JOB...", for --help; NULL: takes none. */
	int args_min, args_max;
	enum arg_kind arg_kind;
	const char *arg_hints;  /**< As in command_option; for the first argument (and all, where
				     there are no arg2_hints). */
	const char *arg2_hints; /**< For the second; nothing is offered behind it. */
	const char *summary;    /**< One line without a full stop. */
	const char *about;      /**< More, and an example. */
	const struct command_option *option;
	size_t options;
	size_t size;                 /**< Of the struct that the options go into. */
	bool offline;                /**< Needs no server. */
	int (*run)(struct ctl *ctl); /**< Returns an enum ctl_exit. */
};

SL_BEGIN_DECLS

/** All commands, in the order of --help; the last is NULL. */
extern const struct command *const commands[];

/** --server, --token, -o: into struct ctl_common. */
extern const struct command_option common_options[];
extern const size_t common_option_count;

extern const struct command command_submit;
extern const struct command command_job_list;
extern const struct command command_job_get;
extern const struct command command_job_stop;
extern const struct command command_job_resume;
extern const struct command command_job_delete;
extern const struct command command_job_rerun;
extern const struct command command_job_logs;
extern const struct command command_job_artifacts;
extern const struct command command_hold;
extern const struct command command_release;
extern const struct command command_job_events;
extern const struct command command_job_explain;
extern const struct command command_feature_apply;
extern const struct command command_feature_list;
extern const struct command command_feature_get;
extern const struct command command_feature_on;
extern const struct command command_feature_off;
extern const struct command command_feature_delete;
extern const struct command command_feature_replay;
extern const struct command command_feature_rotate_key;
extern const struct command command_plugin_list;
extern const struct command command_plugin_order;
extern const struct command command_plugin_override;
extern const struct command command_plugin_new;
extern const struct command command_plugin_conform;
extern const struct command command_plugin_test;
extern const struct command command_plugin_record;
extern const struct command command_plugin_replay;
extern const struct command command_selector_test;
extern const struct command command_token_create;
extern const struct command command_token_list;
extern const struct command command_token_update;
extern const struct command command_token_delete;
extern const struct command command_admin_passwd;
extern const struct command command_events;
extern const struct command command_hooks_list;
extern const struct command command_hooks_redeliver;
extern const struct command command_bench;
extern const struct command command_backup;
extern const struct command command_check;
extern const struct command command_restore;
extern const struct command command_audit;
extern const struct command command_completion;

SL_END_DECLS
