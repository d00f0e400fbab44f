#include "cli/sluicectl/backup_watch.h"

#include "cli/sluicectl/api.h"
#include "cli/sluicectl/bar.h"
#include "cli/sluicectl/output.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { PAUSE_MS = 500, LINE_MAX_BYTES = 200 };

static int64_t number(const struct api_answer *answer, const char *name)
{
	int64_t n = 0;
	json_at at = output_find(&answer->json, answer->payload, name);
	return at == JSON_NONE || json_int64(&answer->json, at, &n) ? -1 : n;
}

static void draw(struct backup_watch *w, const struct api_answer *answer)
{
	scoped(buf_finip) struct buf line = {0};
	int64_t done = number(answer, "bytes"), all = number(answer, "ofAbout");
	int64_t took_ms = number(answer, "tookMs");
	if (done < 0 || all < 0 || took_ms < 0) /* none is being made: it begins, or has ended */
		return;
	buf_init(&line, LINE_MAX_BYTES);
	buf_add_str(&line, "copying on the gateway: ");
	bar_bytes(&line, (uint64_t)done);
	buf_add_str(&line, " of about ");
	bar_bytes(&line, (uint64_t)all);
	buf_addf(&line, ", %lld s", (long long)(took_ms / 1000));
	fprintf(stderr, "\r\033[K%s", buf_str(&line));
	w->drawn = true;
}

static void look(struct backup_watch *w)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	const struct api_call call = {.method = "GET", .path = "/v1/admin/backup"};
	if (api_send(&w->ctl, &call, &answer) == CTL_DONE && answer.payload != JSON_NONE)
		draw(w, &answer);
}

/* False: it is over. */
static bool rest(struct backup_watch *w)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PAUSE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->lock);
	while (!w->over && pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
		;
	bool on = !w->over;
	pthread_mutex_unlock(&w->lock);
	return on;
}

static void *watch(void *user)
{
	struct backup_watch *w = user;
	while (rest(w))
		look(w);
	return NULL;
}

void backup_watch_begin(struct backup_watch *w, const struct ctl *ctl)
{
	struct requester_config config = {.user_agent = "sluicectl",
					  .ca_file = ctl->cacert,
					  .cert_file = ctl->cert,
					  .key_file = ctl->key};
	struct sl_error err = {0};
	w->ctl = *ctl;
	w->ctl.requester = NULL;
	if (!ctl->err_tty || requester_create(&config, &w->ctl.requester, &err))
		return;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	w->at_work = pthread_create(&w->thread, NULL, watch, w) == 0;
	if (!w->at_work)
		w->ctl.requester = requester_free(w->ctl.requester);
}

void backup_watch_end(struct backup_watch *w)
{
	if (!w->at_work)
		return;
	w->at_work = false;
	pthread_mutex_lock(&w->lock);
	w->over = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	w->ctl.requester = requester_free(w->ctl.requester);
	if (w->drawn)
		fputs("\r\033[K", stderr);
}
