#include "cli/config_table.h"

#define AT(member) offsetof(struct config, member)
#define KIB        INT64_C(1024)
#define MIB        (1024 * KIB)
#define GIB        (1024 * MIB)
#define SECOND     INT64_C(1000)
#define HOUR       (3600 * SECOND)
#define DAY        (24 * HOUR)
#define LIVE       true
#define RESTART    false

/* name, type, place, least, greatest, choices, default, help, live */

static const struct config_key outermost[] = {
	{"listen", CONFIG_ADDRESS, AT(listen), 0, 0, NULL, "127.0.0.1:8080",
	 "Address and port of the API; port 0 takes a free one.", RESTART},
	{"data", CONFIG_TEXT, AT(data), 1, 0, NULL, "./sluice-data",
	 "Directory of everything that is kept: store, key file, job logs.", RESTART},
	{"shutdown_grace", CONFIG_DURATION, AT(shutdown_grace_ms), 0, HOUR, NULL, "10 s",
	 "How long plugin calls in progress may go on after SIGTERM.", LIVE},
};

static const struct config_key api[] = {
	{"http_status", CONFIG_CHOICE, AT(api.http_status), 0, 0, "proper|always_200", "proper",
	 "always_200 answers every call with status 200, for clients that only look at `code`.",
	 LIVE},
	{"hosts", CONFIG_HOSTS, AT(api.hosts), 0, 0, NULL, "",
	 "Further names that a request's Host may have: those of a reverse proxy, say.", LIVE},
};

static const struct config_key tls[] = {
	{"cert_file", CONFIG_TEXT, AT(tls.cert_file), 0, 0, NULL, "",
	 "The API's certificate (PEM), with those between it and the root; with it every address "
	 "speaks TLS only. Read again on SIGHUP.",
	 LIVE},
	{"key_file", CONFIG_TEXT, AT(tls.key_file), 0, 0, NULL, "",
	 "Its key (PEM, without a passphrase); empty means that it stands in cert_file.", LIVE},
	{"client_ca_file", CONFIG_TEXT, AT(tls.client_ca_file), 0, 0, NULL, "",
	 "Certificates (PEM) that vouch for clients: then one without such a certificate is not "
	 "let in, token or not. Empty means any client.",
	 LIVE},
	{"hsts", CONFIG_DURATION, AT(tls.hsts_ms), 0, 3650 * DAY, NULL, "0 s",
	 "How long browsers shall keep to https for this host name (all its ports); 0 means they "
	 "are not told.",
	 RESTART},
};

static const struct config_key limits[] = {
	{"connections", CONFIG_COUNT, AT(limits.connections), 8, 65536, NULL, "1024",
	 "Connections to the API at one time.", RESTART},
	{"streams", CONFIG_COUNT, AT(limits.streams), 1, 65536, NULL, "512",
	 "Answers that go on (logs, events, files) at one time; never more than half of the "
	 "connections.",
	 RESTART},
	{"stream_behind", CONFIG_DURATION, AT(limits.stream_behind_ms), 100, HOUR, NULL, "30 s",
	 "How long a reader of such an answer may take nothing, or of events be behind; then it is "
	 "cut off.",
	 RESTART},
	{"stream_behind_bytes", CONFIG_SIZE, AT(limits.stream_behind_bytes), 64 * KIB, 1024 * MIB,
	 NULL, "1 MiB", "How much of the events may wait for a reader; over it it is cut off.",
	 RESTART},
	{"body", CONFIG_SIZE, AT(limits.body), KIB, 256 * MIB, NULL, "1 MiB", "A request's body.",
	 RESTART},
	{"json_depth", CONFIG_COUNT, AT(limits.json_depth), 8, 200, NULL, "64",
	 "Nesting of JSON from outside.", RESTART},
	{"header", CONFIG_SIZE, AT(limits.header), KIB, 512 * KIB, NULL, "64 KiB",
	 "A job's `header` object.", RESTART},
	{"plugin_answer", CONFIG_SIZE, AT(limits.plugin_answer), KIB, 256 * MIB, NULL, "1 MiB",
	 "The body of a plugin's answer.", RESTART},
	{"features", CONFIG_COUNT, AT(limits.features), 1, 100000, NULL, "10000",
	 "Registered features.", RESTART},
	{"plugins", CONFIG_COUNT, AT(limits.plugins), 1, 200000, NULL, "20000",
	 "Plugins of all features together.", RESTART},
	{"jobs_in_admission", CONFIG_COUNT, AT(limits.jobs_in_admission), 1, 1000000, NULL, "10000",
	 "Jobs in admission at one time; over it a submission is answered 429.", LIVE},
	{"documents", CONFIG_SIZE, AT(limits.documents), MIB, 1024 * GIB, NULL, "1 GiB",
	 "Documents of all jobs at work in memory; over it a submission is answered 429.", RESTART},
	{"rate", CONFIG_COUNT, AT(limits.rate), 0, 1000000, NULL, "200",
	 "Requests a second with one token; 0 means any number.", RESTART},
	{"rate_burst", CONFIG_COUNT, AT(limits.rate_burst), 1, 1000000, NULL, "400",
	 "Requests that a token may make at once after a pause.", RESTART},
	{"rate_loopback", CONFIG_BOOL, AT(limits.rate_loopback), 0, 0, NULL, "false",
	 "Hold callers on this machine to that rate, too.", RESTART},
};

static const struct config_key store[] = {
	{"size_max", CONFIG_SIZE, AT(store.size_max), 16 * MIB, 16 * 1024 * GIB, NULL, "64 GiB",
	 "Greatest size of the store; address space is reserved for it, disk is not.", RESTART},
	{"keep_stages", CONFIG_DURATION, AT(store.keep_stages_ms), SECOND, 3650 * DAY, NULL, "7 d",
	 "How long after a job's end it is kept what its stages were given; digests stay.",
	 RESTART},
};

static const struct config_key retention[] = {
	{"jobs_age", CONFIG_DURATION, AT(retention.jobs_ms), 0, 3650 * DAY, NULL, "30 d",
	 "Final jobs are erased this long after their end, with their logs and artifacts; 0 "
	 "means never for their age.",
	 RESTART},
	{"jobs_count", CONFIG_COUNT, AT(retention.jobs), 0, 1000000000, NULL, "1000000",
	 "Final jobs that are kept at most; those that ended first go first. 0 means any number.",
	 RESTART},
};

static const struct config_key plugins[] = {
	{"timeout", CONFIG_DURATION, AT(plugins.timeout_ms), 10, 300 * SECOND, NULL, "10 s",
	 "One attempt of a call, where the plugin does not say.", LIVE},
	{"retries", CONFIG_COUNT, AT(plugins.retries), 0, 10, NULL, "2",
	 "Further attempts when a plugin cannot be asked, where the plugin does not say.", LIVE},
	{"budget", CONFIG_DURATION, AT(plugins.budget_ms), SECOND, 24 * HOUR, NULL, "120 s",
	 "Active time that the admission of one job may take.", LIVE},
	{"wait_for", CONFIG_DURATION, AT(plugins.wait_for_ms), SECOND, 720 * HOUR, NULL, "1 h",
	 "How long a job waits for a plugin that cannot be asked before it fails.", LIVE},
	{"allow_networks", CONFIG_NETWORKS, AT(plugins.allow_networks), 0, 0, NULL, "",
	 "Networks (ADDRESS/BITS) that plugins may be called in; empty means any.", RESTART},
	{"require_tls", CONFIG_BOOL, AT(plugins.require_tls), 0, 0, NULL, "false",
	 "Refuse plain http to plugins that are not on loopback.", RESTART},
	{"unix_dirs", CONFIG_DIRS, AT(plugins.unix_dirs), 0, 0, NULL, "",
	 "Directories below which `unix:` plugins may have their sockets; empty means plugins/ in "
	 "the data directory.",
	 RESTART},
	{"ca_file", CONFIG_TEXT, AT(plugins.ca_file), 0, 0, NULL, "",
	 "Certificates (PEM) that vouch for plugins; empty means the system's.", RESTART},
	{"client_cert_file", CONFIG_TEXT, AT(plugins.client_cert_file), 0, 0, NULL, "",
	 "The certificate (PEM) that Sluice shows to plugins that ask for one; empty means none.",
	 RESTART},
	{"client_key_file", CONFIG_TEXT, AT(plugins.client_key_file), 0, 0, NULL, "",
	 "Its key (PEM, without a passphrase); empty means that it stands in client_cert_file.",
	 RESTART},
};

static const struct config_key lifehook[] = {
	{"retry_for", CONFIG_DURATION, AT(lifehook.retry_for_ms), SECOND, 720 * HOUR, NULL, "24 h",
	 "How long a delivery that is not acknowledged is sent again before it is dead.", LIVE},
	{"keep_dead", CONFIG_DURATION, AT(lifehook.keep_dead_ms), SECOND, 8760 * HOUR, NULL,
	 "168 h", "How long dead deliveries are kept, to be looked at and redelivered.", LIVE},
	{"pending_max", CONFIG_COUNT, AT(lifehook.pending_max), 1, 100000000, NULL, "1000000",
	 "Deliveries that may be pending for one subscriber; over it the oldest die.", RESTART},
	{"pending_bytes", CONFIG_SIZE, AT(lifehook.pending_bytes), 64 * KIB, 1024 * GIB, NULL,
	 "1 GiB", "Bytes of them.", RESTART},
};

static const struct config_key selector[] = {
	{"regex_value_max", CONFIG_SIZE, AT(selector.regex_value_max), 64, 2 * KIB, NULL, "1 KiB",
	 "Longest value that a pattern is tried on; a longer one is an error, never a miss.",
	 RESTART},
};

static const struct config_key increment[] = {
	{"protect", CONFIG_POINTERS, AT(increment.protect), 0, 0, NULL, "",
	 "More paths of the TaskSet (JSON pointers, * for any part) that no plugin may add to.",
	 RESTART},
};

static const struct config_key run[] = {
	{"user", CONFIG_TEXT, AT(run.user), 0, 0, NULL, "",
	 "User that sluiced becomes after its start; empty means it stays the one who starts it.",
	 RESTART},
};

static const struct config_key engines[] = {
	{"default", CONFIG_TEXT, AT(engines.standard), 1, 0, NULL, "local",
	 "Engine of a TaskSet that names none.", RESTART},
};

static const struct config_key engines_local[] = {
	{"slots", CONFIG_COUNT, AT(engines.local.slots), 0, 100000, NULL, "0",
	 "Replicas that run at one time; 0 means as many as there are cores.", RESTART},
	{"ageing", CONFIG_DURATION, AT(engines.local.ageing_ms), SECOND, 24 * HOUR, NULL, "1 min",
	 "Waiting for a slot that makes up for one point of priority.", RESTART},
	{"priority_classes", CONFIG_CLASSES, AT(engines.local.priority_classes), 0, 0, NULL,
	 "low=-100, normal=0, high=100", "What a pod's priorityClassName may be, and is worth.",
	 RESTART},
	{"user", CONFIG_TEXT, AT(engines.local.user), 0, 0, NULL, "",
	 "User that replicas run as; empty means the one who starts sluiced.", RESTART},
	{"cgroup", CONFIG_GROUP, AT(engines.local.cgroup), 0, 0, NULL, "",
	 "Cgroup to make those of replicas in (/sluice, say); empty means the one sluiced is in.",
	 RESTART},
	{"allow", CONFIG_RIGHTS, AT(engines.local.allow), 0, 0, NULL, "",
	 "What a pod may ask for: privileged, capabilities, hostNetwork, hostPID, hostIPC, "
	 "serviceAccountName, hostPath:DIR.",
	 RESTART},
	{"images", CONFIG_CHOICE, AT(engines.local.images), 0, 0, "refuse|ignore", "refuse",
	 "What happens to a container that names an image, which cannot run as a process.",
	 RESTART},
	{"trust_submitters", CONFIG_BOOL, AT(engines.local.trust_submitters), 0, 0, NULL, "false",
	 "Listen off loopback although whoever may submit can act as the gateway's own user.",
	 RESTART},
	{"log_max", CONFIG_SIZE, AT(engines.local.log_max), 4 * KIB, 64 * GIB, NULL, "64 MiB",
	 "Kept output of one replica's stdout or stderr.", RESTART},
};

static const struct config_key backup[] = {
	{"dir", CONFIG_TEXT, AT(backup.dir), 0, 0, NULL, "",
	 "Folder below which POST /v1/admin/backup may make backups; empty means nowhere.",
	 RESTART},
};

static const struct config_key admin[] = {
	{"password_file", CONFIG_TEXT, AT(admin.password_file), 0, 0, NULL, "",
	 "File with the admin's first password; used as long as none was set.", RESTART},
};

static const struct config_key log_keys[] = {
	{"format", CONFIG_CHOICE, AT(log.format), 0, 0, "pairs|json", "pairs",
	 "key=value pairs, or one JSON object a line.", LIVE},
	{"level", CONFIG_CHOICE, AT(log.level), 0, 0, "error|warn|info|debug", "info",
	 "The least important lines that are written.", LIVE},
	{"levels", CONFIG_LEVELS, AT(log.levels), 0, 0, NULL, "",
	 "Levels of single topics (TOPIC=LEVEL), over `log.level`: [driver=debug, api=error].",
	 LIVE},
};

static const struct config_key otel[] = {
	{"endpoint", CONFIG_TEXT, AT(otel.endpoint), 0, 0, NULL, "",
	 "OpenTelemetry collector that gets traces (OTLP/HTTP), as http://127.0.0.1:4318; empty "
	 "means none.",
	 RESTART},
	{"sample_percent", CONFIG_COUNT, AT(otel.sample_percent), 0, 100, NULL, "100",
	 "Jobs in a hundred that are traced, of those that come without a traceparent.", RESTART},
};

#define SECTION(name, help, keys)                                                                  \
	{                                                                                          \
		name, help, keys, countof(keys)                                                    \
	}

const struct config_section config_sections[] = {
	SECTION("", "The gateway as a whole.", outermost),
	SECTION("api", "How the API answers.", api),
	SECTION("tls", "TLS for the API.", tls),
	SECTION("limits", "What is too much: over a limit a request is refused, nothing breaks.",
		limits),
	SECTION("store", "What is kept on disk.", store),
	SECTION("retention", "How long final jobs are kept; they go in the background.", retention),
	SECTION("plugins", "How plugins are called.", plugins),
	SECTION("lifehook", "Telling subscribers of state changes.", lifehook),
	SECTION("selector", "Finding the plugins of a job.", selector),
	SECTION("increment", "What decorators and binders may add.", increment),
	SECTION("run", "The process.", run),
	SECTION("engines", "Where TaskSets run.", engines),
	SECTION("engines.local", "Processes on this machine.", engines_local),
	SECTION("backup", "Copies of the store.", backup),
	SECTION("admin", "The one admin.", admin),
	SECTION("log", "The log, on standard error.", log_keys),
	SECTION("otel", "Traces.", otel),
};
const size_t config_section_count = countof(config_sections);

static void add_part(struct buf *to, const char *part, const char *behind)
{
	if (*part) {
		buf_add_str(to, part);
		buf_add_str(to, behind);
	}
}

void config_key_name(const struct config_section *section, const struct config_key *key,
		     struct buf *to)
{
	add_part(to, section->name, ".");
	buf_add_str(to, key->name);
}

static void add_upper(struct buf *to, const char *text)
{
	for (; *text; text++) {
		bool lower = *text >= 'a' && *text <= 'z';
		buf_add_char(to, (char)(*text == '.' ? '_' : lower ? *text - 'a' + 'A' : *text));
	}
}

void config_env_name(const struct config_section *section, const struct config_key *key,
		     struct buf *to)
{
	buf_add_str(to, "SLUICE_");
	add_upper(to, section->name);
	add_part(to, *section->name ? "_" : "", "");
	add_upper(to, key->name);
}
