/* sluiced: the daemon. Reads its configuration, starts the spawner, puts the gateway
 * together, and then waits for signals. */
#include "cli/sluiced/certificate.h"
#include "cli/sluiced/confine.h"
#include "cli/sluiced/gateway.h"
#include "cli/sluiced/users.h"
#include "core/base/crash.h"
#include "core/base/crypt.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

extern char **environ;

struct options {
	struct config_source source;
	bool check, sample, hold, crash_points;
};

enum { OPT_CHECK = 256, OPT_SAMPLE, OPT_HOLD, OPT_CRASH_POINTS };

static const struct argp_option option_table[] = {
	{"config", 'c', "FILE", 0, "Read settings from this YAML file", 0},
	{"data", 'd', "DIR", 0, "Keep everything in DIR (default: ./sluice-data)", 0},
	{"listen", 'l', "ADDR:PORT", 0,
	 "Listen there (default: 127.0.0.1:8080; port 0: any free one)", 0},
	{"hold", OPT_HOLD, NULL, 0,
	 "Start with admission held: jobs are stored and wait for `sluicectl release`", 0},
	{"check-config", OPT_CHECK, NULL, 0,
	 "Print the settings in force and where they are wrong, then exit", 0},
	{"sample-config", OPT_SAMPLE, NULL, 0,
	 "Print a commented file with every setting, then exit", 0},
	{"crash-points", OPT_CRASH_POINTS, NULL, OPTION_HIDDEN,
	 "Print the names of the places where a test may end this build, then exit", 0},
	{0},
};

static error_t take_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case 'c':
		o->source.path = arg;
		return 0;
	case 'd':
		o->source.data = arg;
		return 0;
	case 'l':
		o->source.listen = arg;
		return 0;
	case OPT_HOLD:
		o->hold = true;
		return 0;
	case OPT_CHECK:
		o->check = true;
		return 0;
	case OPT_SAMPLE:
		o->sample = true;
		return 0;
	case OPT_CRASH_POINTS:
		o->crash_points = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char doc[] =
	"The Sluice admission gateway.\v"
	"Without a configuration it runs on defaults: everything in ./sluice-data, listening on "
	"127.0.0.1:8080. SIGTERM stops it in good order, SIGHUP reads the configuration again.\n\n"
	"Exit status: 0 stopped as asked, 64 usage, 65 a damaged, foreign or newer store, "
	"69 cannot listen, 70 the spawner is missing or died, or another fault, "
	"74 the disk failed, 78 bad configuration.\n\n"
	"Example: sluiced --data /var/lib/sluice --listen 127.0.0.1:8080";

static int exit_code(int rc)
{
	switch (rc) {
	case SL_E_CORRUPT:
		return EX_DATAERR;
	case SL_E_CONFLICT:
	case SL_E_UNAVAILABLE:
		return EX_UNAVAILABLE;
	case SL_E_INVALID:
	case SL_E_LACK:
	case SL_E_DENIED:
		return EX_CONFIG;
	case SL_E_IO:
		return EX_IOERR;
	default:
		return EX_SOFTWARE;
	}
}

static int complain(int rc, const struct sl_error *err)
{
	fprintf(stderr, "sluiced: %s\n", err->code ? err->text : sl_err_text(rc));
	return exit_code(rc);
}

static int print(void (*make)(struct buf *to))
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 4 << 20);
	make(&text);
	return text.rc || fputs(buf_str(&text), stdout) < 0 ? EX_SOFTWARE : 0;
}

static void warn_of_foreign_settings(struct log *log)
{
	scoped(buf_finip) struct buf names = {0};
	buf_init(&names, 64 * 1024);
	config_foreign(environ, &names);
	if (names.len)
		log_line(log, LOG_WARN, "config", "variables that look like settings and are none",
			 "names", buf_str(&names), NULL);
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void set_log(struct log *log, const struct config *config)
{
	log_set(log, (enum log_format)config->log.format, (enum log_level)config->log.level,
		config->log.levels.at, config->log.levels.n);
}

/* Reading a page of the store that the disk does not give, or that is not there any more. */
static void tell_bad_page(int signal_number)
{
	static const char words[] =
		"sluiced: a page of the store cannot be read: the disk is failing, or somebody cut "
		"data.mdb off; look with sluicectl check\n";
	(void)signal_number;
	_exit(write(STDERR_FILENO, words, sizeof(words) - 1) < 0 ? EX_IOERR : EX_DATAERR);
}

static void obey_bad_pages(void)
{
	struct sigaction action = {.sa_handler = tell_bad_page};
	sigaction(SIGBUS, &action, NULL);
}

/** What a reload works on. */
struct running {
	const struct config_source *source;
	const struct config *first; /* what it was started with */
	struct config *newest;      /* as read again; NULL: not yet */
	struct gateway *gateway;
	struct log *log;
};

static const struct config *in_force(const struct running *r)
{
	return r->newest ? r->newest : r->first;
}

static void tell_changes(const struct running *r, const struct config *before)
{
	scoped(buf_finip) struct buf now = {0}, later = {0};
	buf_init(&now, 64 * 1024);
	buf_init(&later, 64 * 1024);
	config_changes(before, r->newest, true, &now);
	config_changes(r->first, r->newest, false, &later);
	log_line(r->log, LOG_INFO, "config", "configuration read again", "changed",
		 now.len ? buf_str(&now) : "nothing", NULL);
	if (later.len)
		log_line(r->log, LOG_WARN, "config", "settings that wait for a restart", "names",
			 buf_str(&later), NULL);
}

static void refuse(const struct running *r, int rc, const struct sl_error *err)
{
	log_line(r->log, LOG_ERROR, "config", "the new configuration is refused, the old one stays",
		 "why", err->code ? err->text : sl_err_text(rc), NULL);
}

/* Files that are read again may differ though no setting does: each reload is told. */
static void record(const struct running *r, const struct config *before, const siginfo_t *by)
{
	scoped(buf_finip) struct buf old = {0}, fresh = {0};
	char user[48];
	buf_init(&old, 1 << 20);
	buf_init(&fresh, 1 << 20);
	config_difference(before, r->newest, before, &old);
	config_difference(before, r->newest, r->newest, &fresh);
	snprintf(user, sizeof(user), "uid %u", (unsigned)by->si_uid);
	struct audit_entry e = {.by = {BYTES("SIGHUP"), bytes_str(user)},
				.action = "config.reload",
				.before = buf_bytes(&old),
				.after = buf_bytes(&fresh)};
	int rc = gateway_record(r->gateway, r->newest, &e);
	if (rc)
		log_line(r->log, LOG_ERROR, "config", "the audit log does not tell of a reload",
			 "why", sl_err_text(rc), NULL);
}

/* What can change while it runs does so now; the rest is named and waits for a restart. */
static void reload(struct running *r, const siginfo_t *by)
{
	scoped(config_freep) struct config *fresh = NULL;
	struct sl_error err = {0};
	int rc = config_load(r->source, &fresh, &err);
	if (!rc)
		rc = gateway_reconfigure(r->gateway, fresh, &err);
	if (rc) {
		refuse(r, rc, &err);
		return;
	}
	scoped(config_freep) struct config *before = r->newest;
	r->newest = take_ptr(&fresh);
	record(r, before ? before : r->first, by);
	set_log(r->log, r->newest);
	tell_changes(r, before ? before : r->first);
}

static void wait_for_signals(struct running *r, const sigset_t *set)
{
	for (;;) {
		siginfo_t by;
		int signal_number = sigwaitinfo(set, &by);
		if (signal_number < 0)
			continue;
		if (signal_number != SIGHUP)
			return;
		reload(r, &by);
	}
}

/* A second signal while stopping leaves at once: everything accepted is stored. */
static void leave(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

static void obey_second_signal(const sigset_t *set)
{
	struct sigaction action = {.sa_handler = leave};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static void tell_engine(struct log *log, const struct gateway_host *host)
{
	const struct wire_hello *can = &host->spawner->can;
	char parts[64];
	log_line(log, can->parts == CGROUP_ALL ? LOG_INFO : LOG_WARN, "engine",
		 "what cgroups do for replicas", "limits", cgroups_say(can->parts, parts),
		 "lacking", *can->why ? can->why : NULL, NULL);
	if (host->single_user)
		log_line(log, LOG_WARN, "engine",
			 "single-user mode: everyone who may submit can act as the gateway", NULL);
}

static int serve(const struct options *o, const struct config *config,
		 const struct gateway_host *host, struct log *log)
{
	struct gateway *gateway;
	struct sl_error err = {0};
	char port[16];
	static const struct rlimit no_dumps = {0, 0}; /* they would hold secrets */
	sigset_t set;
	block_signals(&set);
	obey_bad_pages();
	setrlimit(RLIMIT_CORE, &no_dumps);
	int rc = gateway_open(config, host, log, &gateway, &err);
	if (rc)
		return complain(rc, &err);
	snprintf(port, sizeof(port), "%u", gateway_port(gateway));
	log_line(log, LOG_INFO, "sluiced", "ready", "version", SLUICE_VERSION, "listen",
		 config->listen, "port", port, "data", config->data, NULL);
	tell_engine(log, host);
	struct running running = {&o->source, config, NULL, gateway, log};
	wait_for_signals(&running, &set);
	log_line(log, LOG_INFO, "sluiced", "stopping", NULL);
	signal(SIGHUP, SIG_IGN);
	obey_second_signal(&set);
	int fault = gateway_fault(gateway);
	gateway_close(gateway, (uint32_t)in_force(&running)->shutdown_grace_ms);
	config_free(running.newest);
	log_line(log, LOG_INFO, "sluiced", "stopped", NULL);
	return fault ? exit_code(fault) : 0;
}

/* Secrets are in memory: no core dumps, and no looking in from other processes of the same
 * user. The leak check of a sanitizer looks in that way. */
static void close_to_others(void)
{
#if !defined(__SANITIZE_ADDRESS__)
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

/** From here on nothing can be started and no privileges be had but through the spawner. */
static int give_up_privileges(const struct config *config, const struct users *users,
			      bool *filtered, struct sl_error *err)
{
	int rc = users_drop(users, config, err);
	return rc ? rc : confine(filtered, err);
}

static int start_log(const struct config *config, bool filtered, struct log **ret)
{
	int rc = log_create(STDERR_FILENO, (enum log_format)config->log.format,
			    (enum log_level)config->log.level, ret);
	if (!rc)
		set_log(*ret, config);
	if (!rc)
		rc = crypt_start();
	if (!rc)
		warn_of_foreign_settings(*ret);
	if (!rc && !filtered)
		log_line(*ret, LOG_WARN, "sluiced",
			 "this kernel has no seccomp filters: exec is not forbidden", NULL);
	return rc;
}

static int start(const struct options *o, const struct config *config)
{
	scoped(log_freep) struct log *log = NULL;
	struct sl_error err = {0};
	struct users users;
	struct spawner spawner = {.sock = -1};
	bool filtered = false;
	close_to_others();
	int rc = users_find(config, &users, &err);
	if (rc)
		return complain(rc, &err);
	struct spawner_config spawning = {.version = SLUICE_VERSION,
					  .data_dir = config->data,
					  .log_max = config->engines.local.log_max,
					  .shield = true,
					  .cgroup = config->engines.local.cgroup,
					  .user = users.replicas,
					  .keeps = users.daemon};
	rc = spawner_start(&spawning, &spawner, &err);
	if (!rc)
		rc = give_up_privileges(config, &users, &filtered, &err);
	if (!rc)
		rc = start_log(config, filtered, &log);
	struct gateway_host host = {&spawner, users.single, o->hold};
	int code = rc ? complain(rc, &err) : serve(o, config, &host, log);
	spawner_stop(&spawner);
	return code;
}

/** What run.user could not read again is a fault: it shows only at the next SIGHUP. */
static int tell_unreadable(const struct options *o, const struct config *config)
{
	scoped(buf_finip) struct buf text = {0};
	struct sl_error err = {0};
	struct users users;
	if (geteuid() != 0 && (*config->run.user || *config->engines.local.user))
		return fputs("sluiced: users and files were not looked at: only root can\n",
			     stderr) < 0
			       ? EX_SOFTWARE
			       : 0;
	int rc = users_find(config, &users, &err);
	if (rc)
		return complain(rc, &err);
	buf_init(&text, 1 << 20);
	users_unreadable(&users, config, o->source.path, &text);
	fputs(buf_str(&text), stderr);
	return text.len ? EX_CONFIG : 0;
}

/** As the user who starts it, who is not always the one that reads them later. */
static int tell_certificate(const struct config *config)
{
	scoped(buf_finip) struct buf text = {0};
	struct sl_error err = {0};
	buf_init(&text, 1 << 16);
	int rc = certificate_check(config, &text, &err);
	fputs(buf_str(&text), stderr);
	return rc ? complain(rc, &err) : 0;
}

static int check_config(const struct options *o, const struct config *config)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 4 << 20);
	config_print(config, &text);
	if (text.rc || fputs(buf_str(&text), stdout) < 0)
		return EX_SOFTWARE;
	int code = tell_certificate(config);
	return code ? code : tell_unreadable(o, config);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {option_table, take_option, NULL, doc, NULL, NULL, NULL};
	struct options o = {.source = {.env = environ}};
	scoped(config_freep) struct config *config = NULL;
	struct sl_error err = {0};
	argp_program_version = "sluiced " SLUICE_VERSION;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.crash_points)
		return crash_list() ? EX_UNAVAILABLE : 0;
	if (o.sample)
		return print(config_sample);
	if (config_load(&o.source, &config, &err))
		return complain(SL_E_INVALID, &err);
	return o.check ? check_config(&o, config) : start(&o, config);
}
