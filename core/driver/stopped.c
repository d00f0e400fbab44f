/* Jobs that a transaction stopped, and with them their children: decided there, then
 * told to the loop and to those who wait. */
#include "core/driver/admission.h"
#include "core/driver/run.h"

#include <stdlib.h>

struct stopped {
	struct note note;
	struct driver *driver;
	bool has_self;
	struct uuid self;
	struct kin kin;
};

static void end_work(struct driver *d, struct uuid job)
{
	struct table_node *node = table_get(&d->admissions, job);
	if (node)
		admission_drop(container_of(node, struct admission, node));
	run_stop(d, job);
}

static void handle(struct driver *d, struct note *note)
{
	struct stopped *s = container_of(note, struct stopped, note);
	if (s->has_self)
		end_work(d, s->self);
	for (size_t i = 0; i < s->kin.n; i++)
		end_work(d, s->kin.id[i]);
	if (s->kin.more)
		driver_set_timer(d, driver_now(d));
	free(s);
}

int stopped_gather(struct driver *d, struct store_txn *txn, const struct uuid *self,
		   struct stopped **slot)
{
	*slot = stopped_free(*slot);
	if (!self && !ledger_kin_waits(txn))
		return 0;
	struct stopped *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	*slot = s;
	s->driver = d;
	s->note.handle = handle;
	s->has_self = self != NULL;
	if (self)
		s->self = *self;
	return ledger_stop_kin(txn, driver_now(d), &s->kin);
}

void stopped_tell(struct stopped **slot, int rc)
{
	struct stopped *s = *slot;
	*slot = NULL;
	if (!s || rc) {
		stopped_free(s);
		return;
	}
	if (s->has_self)
		watch_tell(s->driver->watch, s->self);
	for (size_t i = 0; i < s->kin.n; i++)
		watch_tell(s->driver->watch, s->kin.id[i]);
	driver_post(s->driver, &s->note);
}

struct stopped *stopped_free(struct stopped *s)
{
	free(s);
	return NULL;
}
