#include "api/handlers/event_text.h"

enum { DIGITS_MAX = 18 };

void event_text(const struct feed_entry *e, struct buf *to)
{
	buf_addf(to, "id: %llu\nevent: job\ndata: ", (unsigned long long)e->number);
	feed_body(e, to);
	buf_add_str(to, "\n\n");
}

int event_read_id(struct bytes id, int64_t *ret, struct sl_error *err)
{
	const char *at = id.at;
	int64_t number = 0;
	bool fits = id.len > 0 && id.len <= DIGITS_MAX;
	for (size_t i = 0; i < id.len && fits; i++) {
		fits = at[i] >= '0' && at[i] <= '9';
		number = number * 10 + (at[i] - '0');
	}
	if (!fits)
		return sl_fail(err, SL_E_INVALID,
			       "Last-Event-ID: must be the id of an event of this stream");
	*ret = number;
	return 0;
}
