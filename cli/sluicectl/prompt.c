/* Questions on the terminal. */
#include "cli/sluicectl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { CTRL_C = 3 };

/* No echo; Ctrl-C and Ctrl-Z arrive as characters, so that nothing leaves the terminal mute. */
static int mute(int fd, struct termios *before)
{
	if (tcgetattr(fd, before) < 0)
		return -1;
	struct termios quiet = *before;
	quiet.c_lflag &= (tcflag_t) ~(ECHO | ISIG);
	quiet.c_lflag |= ICANON;
	quiet.c_cc[VEOL] = CTRL_C; /* Ctrl-C ends the line at once */
	return tcsetattr(fd, TCSAFLUSH, &quiet);
}

/* 0, or SL_E_CANCELED at Ctrl-C or the end of input. */
static int read_line(int fd, struct buf *to)
{
	for (;;) {
		char c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || c == CTRL_C)
			return SL_E_CANCELED;
		if (c == '\n')
			return to->rc;
		buf_add_char(to, c);
	}
}

int prompt_secret(const char *question, struct buf *to)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		ctl_fail(CTL_USAGE, "there is no terminal to ask on");
		ctl_next("give the password on standard input with --stdin");
		return CTL_USAGE;
	}
	sigset_t ends, before_signals;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before_signals);
	struct termios before;
	int rc = mute(fd, &before) < 0 ? SL_E_IO : 0;
	if (!rc) {
		dprintf(fd, "%s", question);
		rc = read_line(fd, to);
		tcsetattr(fd, TCSAFLUSH, &before);
		dprintf(fd, "\n");
	}
	sigprocmask(SIG_SETMASK, &before_signals, NULL);
	close(fd);
	return rc ? ctl_fail(CTL_REFUSED, "%s",
			     rc == SL_E_CANCELED ? "canceled, nothing was changed"
						 : sl_err_text(rc))
		  : CTL_DONE;
}

bool prompt_possible(void) { return isatty(STDIN_FILENO); }

bool prompt_yes(void)
{
	scoped(buf_finip) struct buf line = {0};
	buf_init(&line, 100);
	int rc = read_line(STDIN_FILENO, &line);
	return !rc && (bytes_starts(buf_bytes(&line), "y") || bytes_starts(buf_bytes(&line), "Y"));
}
