/* As in a release build: the places are nothing, whatever the environment says. */
#undef SLUICE_CRASH_POINTS
#include "core/base/crash.h"

#include "unit.h"

#include <stdlib.h>

static void nothing_happens(void **state SL_UNUSED)
{
	setenv("SLUICE_CRASH_AT", "submit-committed", 1);
	setenv("SLUICE_CRASH_DIR", "/tmp", 1);
	crash_at(CRASH_SUBMIT_COMMITTED);
	unsetenv("SLUICE_CRASH_AT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_happens)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
