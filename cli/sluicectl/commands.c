#include "cli/sluicectl/ctl.h"

/* clang-format off: in columns */
const struct command *const commands[] = {
	&command_submit,         &command_job_list,        &command_job_get,
	&command_job_explain,    &command_job_events,      &command_job_logs,
	&command_job_artifacts,  &command_job_stop,        &command_job_resume,
	&command_job_rerun,      &command_job_delete,      &command_hold,
	&command_release,        &command_feature_apply,   &command_feature_list,
	&command_feature_get,    &command_feature_on,      &command_feature_off,
	&command_feature_delete, &command_feature_replay,  &command_feature_rotate_key,
	&command_plugin_list,    &command_plugin_order,    &command_plugin_override,
	&command_plugin_new,     &command_plugin_conform,  &command_plugin_test,
	&command_plugin_record,  &command_plugin_replay,   &command_selector_test,
	&command_token_create,   &command_token_list,      &command_token_update,
	&command_token_delete,   &command_admin_passwd,    &command_events,
	&command_hooks_list,     &command_hooks_redeliver, &command_backup,
	&command_restore,        &command_check,           &command_bench,
	&command_audit,          &command_completion,      NULL,
};
/* clang-format on */

const struct command_option common_options[] = {
	{"output", 'o', "FORMAT", OPTION_TEXT, offsetof(struct ctl_common, format),
	 "table, wide, json or yaml; without it a table on a terminal, tab-separated lines "
	 "elsewhere",
	 "table|wide|json|yaml", NULL},
	{"server", 0, "URL", OPTION_TEXT, offsetof(struct ctl_common, server),
	 "the gateway (SLUICE_SERVER; http://127.0.0.1:8080)", NULL, NULL},
	{"token", 0, "TOKEN", OPTION_TEXT, offsetof(struct ctl_common, token),
	 "who is calling (better: SLUICE_TOKEN or the context file)", NULL, NULL},
	{"cacert", 0, "FILE", OPTION_TEXT, offsetof(struct ctl_common, cacert),
	 "certificates (PEM) that vouch for an https server (SLUICE_CACERT; the system's)", NULL,
	 NULL},
	{"cert", 0, "FILE", OPTION_TEXT, offsetof(struct ctl_common, cert),
	 "a certificate (PEM) to show to a server that asks for one (SLUICE_CERT)", NULL, NULL},
	{"key", 0, "FILE", OPTION_TEXT, offsetof(struct ctl_common, key),
	 "its key (SLUICE_KEY; without it, it stands in the certificate's file)", NULL, NULL},
};
const size_t common_option_count = countof(common_options);
