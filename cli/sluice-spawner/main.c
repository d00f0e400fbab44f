/* sluice-spawner: what sluiced starts first, to start replicas. Nothing for people to call. */
#include "runtime/local/spawning.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char words[] =
	"sluice-spawner " SLUICE_VERSION ": starts the replicas of sluiced's engine `local`.\n"
	"It is started by sluiced of the same version, never by hand.\n";

int main(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0))
		return fputs(words, stdout) < 0 ? EX_IOERR : 0;
	if (argc != 2 || *argv[1] != '/' || !spawning_wanted()) {
		fputs(words, stderr);
		return EX_USAGE;
	}
	spawning_run(argv[1], SLUICE_VERSION);
}
