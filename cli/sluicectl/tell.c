/* What went wrong, and what to do about it. */
#include "cli/sluicectl/api.h"

static void next_for_caller(const struct ctl *ctl)
{
	if (ctl->token) {
		ctl_next("check SLUICE_TOKEN, --token or ~/.config/sluice/context.yml; "
			 "tokens end when they expire or are deleted");
		return;
	}
	if (!ctl_server_is_loopback(ctl)) {
		ctl_next("ask whoever runs %s for a token, then: export SLUICE_TOKEN=...",
			 ctl->server);
		return;
	}
	ctl_next("no token was given. On a new gateway the admin's password is \"admin\": change "
		 "it with\n    SLUICE_TOKEN=admin sluicectl admin passwd\n  and make yourself a "
		 "token with it:\n    SLUICE_TOKEN=PASSWORD sluicectl token create --for me "
		 "--privilege read_job,write_job\n    export SLUICE_TOKEN=...");
}

static void next_for_missing(const struct ctl *ctl)
{
	const char *group = ctl->command->group ? ctl->command->group : "job";
	if (strcmp(group, "selector") == 0 || strcmp(group, "admin") == 0)
		group = "feature";
	ctl_next("sluicectl %s list shows what there is for this token", group);
}

/* Something answered, but not as a gateway, or not one that can be believed. */
static void next_for_peer(const struct ctl *ctl)
{
	if (strncmp(ctl->server, "https://", 8) != 0)
		ctl_next("check the address: --server or SLUICE_SERVER; does it speak https://?");
	else if (!ctl->cacert)
		ctl_next("name who vouches for it: --cacert FILE, SLUICE_CACERT, or `cacert:` in "
			 "the context file; or check the address");
	else
		ctl_next("check --cacert and the address; a server that asks for a certificate "
			 "wants --cert and --key");
}

static void next_for(const struct ctl *ctl, const struct api_answer *answer)
{
	const char *wait = answer->head[API_HEAD_RETRY_AFTER].value;
	switch (answer->err.code) {
	case SL_E_UNKNOWN_CALLER:
		next_for_caller(ctl);
		break;
	case SL_E_DENIED:
		ctl_next("use a token with that privilege, or have it added: "
			 "sluicectl token update ID --privilege ...");
		break;
	case SL_E_NOT_FOUND:
		next_for_missing(ctl);
		break;
	case SL_E_MISDIRECTED:
		ctl_next("call it by its address or localhost, or add the name to api.hosts");
		break;
	case SL_E_CONFLICT:
		ctl_next("look at its present state first, then decide again");
		break;
	case SL_E_BUSY:
	case SL_E_UNAVAILABLE:
	case SL_E_FULL:
		ctl_next("try again in %s s", *wait ? wait : "a few");
		break;
	case SL_E_TOO_BIG:
		ctl_next("make it smaller, or have limits.body raised on the gateway");
		break;
	case SL_E_PEER:
		next_for_peer(ctl);
		break;
	case SL_E_INTERNAL:
	case SL_E_IO:
		ctl_next("the gateway's log has the details");
		break;
	default:
		ctl_next("sluicectl %s%s%s --help shows how it is used",
			 ctl->command->group ? ctl->command->group : "",
			 ctl->command->group ? " " : "", ctl->command->name);
	}
}

int api_tell(struct ctl *ctl, const struct api_answer *answer, int code)
{
	ctl_fail((enum ctl_exit)code, "%s", answer->err.text);
	bool tls = strstr(answer->err.text, "certificate") ||
		   strstr(answer->err.text, "closed the connection before answering");
	if (code == CTL_OFFLINE && tls)
		next_for_peer(ctl);
	else if (code == CTL_OFFLINE && ctl_server_is_loopback(ctl))
		ctl_next("start the gateway with sluiced, or say where it is: --server, "
			 "SLUICE_SERVER");
	else if (code == CTL_OFFLINE)
		ctl_next("check the address (--server, SLUICE_SERVER) and the network between");
	else
		next_for(ctl, answer);
	return code;
}
