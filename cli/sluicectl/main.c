#include "cli/sluicectl/ctl.h"
#include "net/request.h"

#include <argp.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

enum { ARENA_MAX = 512 << 20 };

static int run(struct ctl *ctl)
{
	int rc = ctl_resolve(ctl);
	if (rc)
		return rc;
	if (!ctl->command->offline) {
		struct requester_config config = {.user_agent = "sluicectl/" SLUICE_VERSION,
						  .ca_file = ctl->cacert,
						  .cert_file = ctl->cert,
						  .key_file = ctl->key};
		struct sl_error err;
		if (requester_create(&config, &ctl->requester, &err))
			return ctl_fail(CTL_REFUSED, "%s", err.text);
	}
	rc = ctl->command->run(ctl);
	ctl->requester = requester_free(ctl->requester);
	if (fflush(stdout) && rc == CTL_DONE)
		return ctl_fail(CTL_REFUSED, "the output could not be written whole");
	return rc;
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	argp_program_version = "sluicectl " SLUICE_VERSION;
	argp_err_exit_status = CTL_USAGE;
	struct ctl ctl = {.out_tty = isatty(STDOUT_FILENO), .err_tty = isatty(STDERR_FILENO)};
	if (arena_create(ARENA_MAX, &ctl.arena))
		return ctl_no_memory();
	int rc = ctl_parse(&ctl, argc, argv);
	if (rc == CTL_DONE)
		rc = run(&ctl);
	arena_free(ctl.arena);
	return rc;
}
