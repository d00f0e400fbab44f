#include "cli/sluicectl/bar.h"

#include <stdio.h>

enum { WIDTH = 30 };

void bar_clear(struct bar *bar)
{
	if (bar->drawn)
		fputs("\r\033[K", stderr);
	bar->drawn = false;
}

void bar_draw(struct bar *bar, uint64_t done, uint64_t all)
{
	static const char full[] = "##############################";
	int percent = !all || done >= all ? 100 : (int)(done * 100 / all);
	if (!bar->ctl->err_tty || (bar->drawn && percent == bar->percent))
		return;
	bar->percent = percent;
	bar->drawn = true;
	int n = percent * WIDTH / 100;
	fprintf(stderr, "\r%s [%.*s%*s] %3d %%", bar->word, n, full, WIDTH - n, "", percent);
}

void bar_bytes(struct buf *to, uint64_t bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes;
	size_t i = 0;
	for (; n >= 1024 && i + 1 < countof(unit); i++)
		n /= 1024;
	buf_addf(to, i ? "%.1f %s" : "%.0f %s", n, unit[i]);
}
