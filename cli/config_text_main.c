/* A program of the build: prints what is made from the table of settings.
 * `config-text manual > doc/configuration.md`, `config-text sample`. */
#include "cli/config.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	scoped(buf_finip) struct buf text;
	buf_init(&text, 1 << 20);
	if (argc == 2 && strcmp(argv[1], "manual") == 0)
		config_manual(&text);
	else if (argc == 2 && strcmp(argv[1], "sample") == 0)
		config_sample(&text);
	else
		return fprintf(stderr, "usage: config-text manual|sample\n"), 2;
	return text.rc || fputs(buf_str(&text), stdout) < 0 || fflush(stdout) ? 1 : 0;
}
