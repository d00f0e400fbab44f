/* `bench`: the goals of doc/performance.md, measured by the programs of a build folder. */
#include "cli/sluicectl/ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bench_options {
	const char *goals, *rounds, *build, *json, *against, *plot;
	bool quick;
};

enum { ARGV_MAX = 16 };

/* The build folder that this program lies in: DIR/cli/sluicectl. */
static bool own_folder(char to[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", to, PATH_MAX - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(to, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return true;
}

static int find_launcher(const struct bench_options *o, char to[PATH_MAX])
{
	char folder[PATH_MAX];
	if (o->build)
		snprintf(folder, sizeof(folder), "%s", o->build);
	else if (!own_folder(folder))
		folder[0] = '\0';
	if (snprintf(to, PATH_MAX, "%s/bench/launch", folder) < PATH_MAX && access(to, X_OK) == 0)
		return CTL_DONE;
	if (o->build)
		ctl_fail(CTL_REFUSED, "%s is not a build folder of Sluice with a bench", o->build);
	else
		ctl_fail(CTL_REFUSED, "this sluicectl does not lie in a build folder, where the "
				      "bench is");
	ctl_next("in the sources: meson setup build-rel --buildtype=release && ninja -C build-rel "
		 "bench, then sluicectl bench --build build-rel");
	return CTL_REFUSED;
}

static void add(const char *argv[ARGV_MAX], const char *name, const char *value)
{
	size_t n = 0;
	while (argv[n])
		n++;
	if (!value || n + 2 >= ARGV_MAX)
		return;
	argv[n] = name;
	argv[n + 1] = value;
}

static int run(struct ctl *ctl)
{
	const struct bench_options *o = ctl->options;
	const char *argv[ARGV_MAX] = {0};
	char launcher[PATH_MAX];
	int code = find_launcher(o, launcher);
	if (code)
		return code;
	argv[0] = launcher;
	if (o->quick)
		argv[1] = "--quick";
	add(argv, "--goals", o->goals);
	add(argv, "--rounds", o->rounds);
	add(argv, "--json", o->json);
	add(argv, "--against", o->against);
	add(argv, "--plot", o->plot);
	execv(launcher, (char **)argv);
	return ctl_fail(CTL_REFUSED, "%s: %s", launcher, strerror(errno));
}

#define AT(member) offsetof(struct bench_options, member)

static const struct command_option options[] = {
	{"goals", 0, "N,N,...", OPTION_TEXT, AT(goals), "measure only these goals", NULL, NULL},
	{"rounds", 0, "N", OPTION_COUNT, AT(rounds), "how often (default 5)", NULL, NULL},
	{"quick", 0, NULL, OPTION_FLAG, AT(quick),
	 "fewer jobs, one round: shows that it works, not how fast it is", NULL, NULL},
	{"build", 0, "DIR", OPTION_TEXT, AT(build),
	 "the build folder to measure (default: the one this program lies in)", NULL, NULL},
	{"json", 0, "FILE", OPTION_TEXT, AT(json), "write all rounds, the commit and the machine",
	 NULL, NULL},
	{"against", 0, "FILE", OPTION_TEXT, AT(against), "compare with an earlier file of --json",
	 NULL, NULL},
	{"plot", 0, "FILE", OPTION_TEXT, AT(plot), "draw the figures as SVG (needs gnuplot)", NULL,
	 NULL},
};

const struct command command_bench = {
	.name = "bench",
	.summary = "Measure speed, memory and disk of a build",
	.about = "Starts gateways of its own on this machine, measures each goal in turn with the "
		 "least that any program could do, and prints a table. It needs a build folder "
		 "made from the sources with `ninja bench`, and an idle machine; everything takes "
		 "about half an hour. doc/performance.md explains the figures.\n\n"
		 "Example:\n"
		 "  sluicectl bench --goals 1,2,5 --json now.json --against before.json",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct bench_options),
	.offline = true,
	.run = run,
};
